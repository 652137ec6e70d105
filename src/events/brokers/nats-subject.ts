import { originOf, type PostdateEvent } from '../outbox';

/**
 * The subject of an event: `postdate.<topic>.<tenant>.<type>`. Topic and tenant are one token each, with `:` for a dot,
 * so that a wildcard or a permission for one tenant can never match another. Different topics, tenants and types never
 * share a subject.
 */
export function subjectOf(event: PostdateEvent): string {
  const { topic, tenant } = originOf(event);
  const type = event.type.split('.').map(token);
  return ['postdate', oneToken(topic), oneToken(tenant), ...type].join('.');
}

// Percent-encodes every character outside of the alphabet that NATS recommends, also `:`, and `*`, which is a wildcard.
// A token must not be empty.
const token = (text: string) => (text === '' ? '%' : encodeURIComponent(text).replaceAll('*', '%2A'));

const oneToken = (text: string) => token(text).replaceAll('.', ':');
