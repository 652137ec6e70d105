import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { PostdateEvent } from '../../src/events/outbox';
import { listenerCertificate, listenerKey } from './certificate';

/** What a listener was sent. */
export interface Sent {
  method?: string;
  path?: string;
  headers: IncomingHttpHeaders;
  body: string;
  event: PostdateEvent;
}

export interface Listener {
  /** With a name that only a test's resolver knows, if it speaks TLS. */
  url: string;
  sent: Sent[];
  /** How it answers from now on. Default: 204. */
  answers(answer: (response: ServerResponse, sent: Sent) => void): void;
  /** The most requests that were under way at once. */
  mostAtOnce(): number;
  stop(): Promise<void>;
}

/** An HTTP server that keeps what it is sent, on a free port of 127.0.0.1 or on this one. */
export async function startListener({ tls = false, port = 0 } = {}): Promise<Listener> {
  const sent: Sent[] = [];
  const usual = (response: ServerResponse) => void response.writeHead(204).end();
  let answer: (response: ServerResponse, sent: Sent) => void = usual;
  let atOnce = 0;
  let mostAtOnce = 0;
  const server = tls ? createTlsServer({ key: listenerKey, cert: listenerCertificate }) : createServer();
  server.on('request', (request, response) => {
    atOnce += 1;
    mostAtOnce = Math.max(mostAtOnce, atOnce);
    response.on('close', () => {
      atOnce -= 1;
    });
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      const { method, url: path, headers } = request;
      const one = { method, path, headers, body, event: JSON.parse(body) };
      sent.push(one);
      answer(response, one);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const { port: listening } = server.address() as AddressInfo;
  return {
    url: `${tls ? 'https://listener.test' : 'http://127.0.0.1'}:${listening}/events`,
    sent,
    answers(next) {
      answer = next;
    },
    mostAtOnce: () => mostAtOnce,
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}
