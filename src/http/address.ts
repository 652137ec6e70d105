import ipaddr, { type IPv6 } from 'ipaddr.js';

/**
 * The part of an address that counts as one caller: an IPv4 address, also if it is written as IPv6, or the first 64
 * bits of IPv6. The holder of an IPv6 network chooses the rest freely.
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
