import { lookup, Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { MessageError, type Refusal } from '../admission';
import { refusedRange } from './public-address';

/** Where a webhook may be sent. */
export interface Reach {
  /** For local development: plain HTTP, and addresses of one's own network. */
  allowPrivateAddresses: boolean;
  /** The IP addresses of a name. Default: DNS alone, or what the system says where private addresses are allowed. */
  resolve?(hostname: string): Promise<string[]>;
}

// Longer than any listener's address needs to be, and short enough for a line of a log.
const MAX_URL_LENGTH = 2_048;

const invalidUrl = (message: string): Refusal => ({ code: 'invalidUrl', field: 'url', message });

/** Why a URL cannot be a webhook's, as far as it tells by itself. */
export function refuseUrl(text: string, { allowPrivateAddresses }: Reach): Refusal | undefined {
  if (text.length > MAX_URL_LENGTH) return invalidUrl(`must have at most ${MAX_URL_LENGTH} characters`);
  if (!URL.canParse(text)) return invalidUrl('must be a URL like https://shop.example/webhooks');
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(allowPrivateAddresses && url.protocol === 'http:')) {
    return invalidUrl('must begin with https://');
  }
  // They would be in the log of every proxy on the way; the signature says who sends.
  if (url.username !== '' || url.password !== '') return invalidUrl('must have no user and no password');
  return undefined;
}

/**
 * The IP addresses behind a webhook's URL, all of which may be sent to. Throws a `MessageError` if a single one may not:
 * a name with a public and a private address is no accident. Throws what the resolver throws.
 */
export async function addressesOf(url: URL, reach: Reach): Promise<string[]> {
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const addresses = isIP(hostname) ? [hostname] : await resolverOf(reach)(hostname);
  if (addresses.length === 0) throw new Error(`${hostname} has no address`);
  if (reach.allowPrivateAddresses) return addresses;
  for (const address of addresses) {
    const range = refusedRange(address);
    if (range === undefined) continue;
    const message = `must lead to public addresses only; ${hostname} leads to ${address}, which is ${range}`;
    throw new MessageError({ code: 'privateAddress', field: 'url', message });
  }
  return addresses;
}

const resolverOf = ({ resolve, allowPrivateAddresses }: Reach) => resolve ?? (allowPrivateAddresses ? system : dns);

const system = async (hostname: string) => (await lookup(hostname, { all: true })).map(({ address }) => address);

// The system's resolver has two threads in all: two names whose servers are silent would keep every other one waiting.
const DNS_TIMEOUT_MS = 2_000;
const DNS_TRIES = 2;

async function dns(hostname: string): Promise<string[]> {
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: DNS_TRIES });
  const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  // Most names have addresses of one kind only; the reason of the first is the one that is understood.
  if (found.length === 0) throw (answers[0] as PromiseRejectedResult).reason;
  return found;
}
