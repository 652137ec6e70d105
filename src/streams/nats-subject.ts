import { messageOf, type PostdateEvent } from '../outbox';

/**
 * The subject of an event: `postdate.<topic>.<tenant>.<type>`, in which topic and tenant are one token each, so that a
 * wildcard or a permission for one tenant can never mean another; a dot in them is written `:`. Every two of them differ.
 */
export function subjectOf(event: PostdateEvent): string {
  const { topic, tenant } = messageOf(event);
  const type = event.type.split('.').map(token);
  return ['postdate', oneToken(topic), oneToken(tenant), ...type].join('.');
}

// What is not of the alphabet that NATS recommends is percent-encoded, `:` too; `*` would be a wildcard. A token must not be empty.
const token = (text: string) => (text === '' ? '%' : encodeURIComponent(text).replaceAll('*', '%2A'));

const oneToken = (text: string) => token(text).replaceAll('.', ':');
