import type { Socket } from 'node:net';
import { type ProblemCode, problem } from './problems';

// Node's codes for data that never became a request: https://nodejs.org/api/http.html#event-clienterror
const CODES: Record<string, ProblemCode> = {
  HPE_HEADER_OVERFLOW: 'headersTooLarge',
  ERR_HTTP_REQUEST_TIMEOUT: 'requestTimeout',
};
const REASONS: Record<number, string> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

/** Answers data that is no HTTP, or arrives too slowly, with a problem, and closes its connection. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const said = problem(CODES[error.code ?? ''] ?? 'badRequest', 'The connection is closed.');
  const body = JSON.stringify(said);
  socket.end(
    [
      `HTTP/1.1 ${said.status} ${REASONS[said.status]}`,
      'Content-Type: application/problem+json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}
