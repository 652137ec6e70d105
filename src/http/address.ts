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
