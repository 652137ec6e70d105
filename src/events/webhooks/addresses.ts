import { lookup, Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { MessageError } from '../../message/admission';
import type { Refusal } from '../../message/refusal';
import { refusedRange } from './public-address';

/** Which addresses a webhook's URL may lead to. */
export interface Reach {
  /** True allows plain HTTP and private addresses. It is for local development only. */
  allowPrivateAddresses: boolean;
  /**
   * Resolves a name to its IP addresses. Default: DNS alone; where private addresses are allowed, the system's
   * resolver, which also reads /etc/hosts.
   */
  resolve?(hostname: string): Promise<string[]>;
}

// No real listener's address needs more, and a log line can still show this much.
const MAX_URL_LENGTH = 2_048;

const invalidUrl = (message: string): Refusal => ({ code: 'invalidUrl', field: 'url', message });

/** Why a URL cannot be a webhook's. It checks the text alone and resolves no name. */
export function refuseUrl(text: string, { allowPrivateAddresses }: Reach): Refusal | undefined {
  if (text.length > MAX_URL_LENGTH) return invalidUrl(`must have at most ${MAX_URL_LENGTH} characters`);
  if (!URL.canParse(text)) return invalidUrl('must be a URL like https://shop.example/webhooks');
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(allowPrivateAddresses && url.protocol === 'http:')) {
    return invalidUrl('must begin with https://');
  }
  // Every proxy on the way would log a user and a password. The signature already proves the sender.
  if (url.username !== '' || url.password !== '') return invalidUrl('must have no user and no password');
  return undefined;
}

/**
 * The IP addresses of a webhook's URL. All of them may be sent to. Throws a `MessageError` if one of them may not: a
 * name with a public and a private address is no accident. Passes on what the resolver throws.
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

// The system's resolver has two threads for the whole process. Two names with silent servers would block all other
// lookups.
const DNS_TIMEOUT_MS = 2_000;
const DNS_TRIES = 2;

async function dns(hostname: string): Promise<string[]> {
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: DNS_TRIES });
  const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  // Most names have addresses of one family only. The IPv4 lookup comes first, and its reason is the one that users
  // understand.
  if (found.length === 0) throw (answers[0] as PromiseRejectedResult).reason;
  return found;
}
