import { createHmac, randomBytes } from 'node:crypto';

// As long as the hash. Standard Webhooks wants 24 to 64 bytes.
const SECRET_BYTES = 32;

export const newSecret = (): Buffer => randomBytes(SECRET_BYTES);

/** A secret in the form that its listener is given. */
export const secretText = (secret: Buffer): string => `whsec_${secret.toString('base64')}`;

/**
 * The headers of Standard Webhooks 1.0.0 (https://www.standardwebhooks.com). There is one signature per secret, so that
 * a listener may know any one of them. `at` is the instant of this try, in epoch ms.
 */
export function signedHeaders(
  { eventId, body }: { eventId: string; body: string },
  secrets: Buffer[],
  at: number,
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const id = webhookIdOf(eventId);
  const timestamp = Math.floor(at / 1_000).toString();
  const signatureBy = (secret: Buffer) =>
    `v1,${createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': secrets.map(signatureBy).join(' '),
  };
}

/**
 * An event's id as a header value, the same for every try. It is percent-encoded, including the full stop, which
 * separates the parts of the signed text. `decodeURIComponent` restores the event's id.
 */
export const webhookIdOf = (eventId: string): string =>
  encodeURIComponent(eventId).replaceAll('%3A', ':').replaceAll('.', '%2E');
