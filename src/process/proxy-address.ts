import { isIP } from 'node:net';

// The names that fastify's trustProxy knows.
const NAMED = ['loopback', 'linklocal', 'uniquelocal'];

/** Whether a text names trusted proxies: an address, a network like `10.0.0.0/8`, or one of fastify's names. */
export function isProxyAddress(text: string): boolean {
  if (NAMED.includes(text)) return true;
  const [, address = text, bits] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(bits ?? 0) <= (version === 4 ? 32 : 128);
}
