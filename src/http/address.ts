/**
 * What counts as one address: an IPv4 address, also where it is written as IPv6, and of IPv6 the first 64 bits, as the rest
 * is its holder's to choose.
 */
export function networkOf(address: string): string {
  const [, ipv4] = /(?:^|:)(\d+\.\d+\.\d+\.\d+)$/.exec(address) ?? [];
  if (ipv4) return ipv4;
  const [before = '', after = ''] = address.split('%', 1)[0]?.split('::') ?? [];
  const groups = (text: string) => text.split(':').filter(Boolean);
  const zeros = Array(Math.max(0, 8 - groups(before).length - groups(after).length)).fill('0');
  return [...groups(before), ...zeros, ...groups(after)].slice(0, 4).join(':');
}
