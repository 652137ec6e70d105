import { isIP } from 'node:net';

/**
 * The part of an address that counts as one caller: an IPv4 address, also if it is written as IPv6, or the first 64
 * bits of IPv6. The holder of an IPv6 network chooses the rest freely.
 */
export function networkOf(address: string): string {
  const [, ipv4] = /(?:^|:)(\d+\.\d+\.\d+\.\d+)$/.exec(address) ?? [];
  if (ipv4) return ipv4;
  const [before = '', after = ''] = address.split('%', 1)[0]?.split('::') ?? [];
  const groups = (text: string) => text.split(':').filter(Boolean);
  const zeros = Array(Math.max(0, 8 - groups(before).length - groups(after).length)).fill('0');
  return [...groups(before), ...zeros, ...groups(after)].slice(0, 4).join(':');
}

// The names that fastify's trustProxy knows.
const NAMED = ['loopback', 'linklocal', 'uniquelocal'];

/** Whether a text names trusted proxies: an address, a network like `10.0.0.0/8`, or one of fastify's names. */
export function isProxyAddress(text: string): boolean {
  if (NAMED.includes(text)) return true;
  const [, address = text, bits] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(bits ?? 0) <= (version === 4 ? 32 : 128);
}
