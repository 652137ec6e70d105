import { type IPv4, type IPv6, parse } from 'ipaddr.js';

// All addresses of the public internet. Everything else is private or reserved, including old notations of private
// IPv4.
const GLOBAL_UNICAST = parse('2000::') as IPv6;
// A public-looking address at which Azure serves metadata to its virtual machines.
const AZURE_HOST = '168.63.129.16';

/**
 * Why no webhook may be sent to an IP address, as the name of its range (`private`, `loopback`, `linkLocal` …).
 * Undefined for a public address. An IPv4 address that is mapped into IPv6 is judged as IPv4.
 */
export function refusedRange(text: string): string | undefined {
  const address = parse(text);
  if (address.kind() === 'ipv4') return refusedV4(address as IPv4);
  const v6 = address as IPv6;
  if (v6.isIPv4MappedAddress()) return refusedV4(v6.toIPv4Address());
  const range = v6.range();
  if (range !== 'unicast') return range;
  return v6.match(GLOBAL_UNICAST, 3) ? undefined : 'reserved';
}

function refusedV4(address: IPv4): string | undefined {
  if (address.toString() === AZURE_HOST) return 'linkLocal';
  const range = address.range();
  return range === 'unicast' ? undefined : range;
}
