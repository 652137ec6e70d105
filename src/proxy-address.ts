import { isIP } from 'node:net';

// As fastify's trustProxy knows them.
const NAMED = ['loopback', 'linklocal', 'uniquelocal'];

/** Whether this says which proxies are ours: an address, a network as `10.0.0.0/8`, or one of fastify's names. */
export function isProxyAddress(text: string): boolean {
  if (NAMED.includes(text)) return true;
  const [, address = text, bits] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(bits ?? 0) <= (version === 4 ? 32 : 128);
}
