import { createHmac, randomBytes } from 'node:crypto';

// As many as the hash has; Standard Webhooks wants 24 to 64.
const SECRET_BYTES = 32;

export const newSecret = (): Buffer => randomBytes(SECRET_BYTES);

/** A secret as its listener is given it. */
export const secretText = (secret: Buffer): string => `whsec_${secret.toString('base64')}`;

/**
 * The headers of Standard Webhooks 1.0.0 (https://www.standardwebhooks.com). Signed once with each secret, so that a
 * listener may know any one of them; at is the instant of this try, in epoch ms.
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
 * An event's id as a header, the same for every try: percent-encoded, the full stop too, as it parts what is signed.
 * `decodeURIComponent` gives the event's id back.
 */
export const webhookIdOf = (eventId: string): string =>
  encodeURIComponent(eventId).replaceAll('%3A', ':').replaceAll('.', '%2E');
