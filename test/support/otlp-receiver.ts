import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  status: { code?: number; message?: string };
  attributes: Record<string, unknown>;
}

/** A receiver of traces as collectors are, by OTLP over HTTP in JSON, in this process. */
export async function startOtlpReceiver() {
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    bodies.push(await text(request));
    response.setHeader('content-type', 'application/json').end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** All that has come, as it came. */
    received: () => bodies.join('\n'),
    spans: (): ReceivedSpan[] => bodies.flatMap((body) => JSON.parse(body).resourceSpans.flatMap(spansOf)),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface OtlpSpan extends Omit<ReceivedSpan, 'attributes'> {
  attributes: { key: string; value: Record<string, unknown> }[];
}

const spansOf = ({ scopeSpans }: { scopeSpans: { spans: OtlpSpan[] }[] }): ReceivedSpan[] =>
  scopeSpans.flatMap(({ spans }) =>
    spans.map(({ attributes, ...span }) => ({
      ...span,
      attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]])),
    })),
  );
