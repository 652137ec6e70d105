import { type IPv4, type IPv6, parse } from 'ipaddr.js';

// All addresses of the internet proper; what is not in it, old forms of private IPv4 addresses among them, is nobody's.
const GLOBAL_UNICAST = parse('2000::') as IPv6;
// Looks public, and is what answers virtual machines of Azure about themselves.
const AZURE_HOST = '168.63.129.16';

/**
 * Why no webhook may be sent to an IP address, in the word for its range (`private`, `loopback`, `linkLocal` …); undefined
 * if it is a public one. An IPv4 address in IPv6's clothes is what it is underneath.
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
