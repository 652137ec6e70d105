import ipaddr, { type IPv6 } from 'ipaddr.js';

/**
 * What counts as one address: an IPv4 address, also where it is written as IPv6, and of IPv6 the first 64 bits, as the rest
 * is its holder's to choose.
 */
export function networkOf(address: string): string {
  // What a proxy of ours names as the client's address can be any text.
  if (!ipaddr.isValid(address)) return address;
  const found = ipaddr.process(address);
  if (found.kind() === 'ipv4') return found.toString();
  return (found as IPv6).parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':');
}
