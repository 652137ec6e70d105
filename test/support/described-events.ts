import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import type { Pool } from 'pg';
import type { asyncApiOf } from '../../src/events/asyncapi/document';
import type { PostdateEvent } from '../../src/events/outbox';

type AsyncApi = ReturnType<typeof asyncApiOf>;

/**
 * What an AsyncAPI document has against an event; nothing if it is as described. Stricter than a listener is asked to be: a
 * field that the document does not name is refused, or else the two would drift apart.
 */
export function objectionsTo(document: AsyncApi): (event: PostdateEvent) => string[] {
  const described = describedBy(document);
  return (event) => {
    const message = document.components.messages[idIn(document, event)];
    return message ? described(message.payload.$ref, event) : [`no event ${event.type} is described`];
  };
}

/** What a document has against a value at one of its places. */
export function describedBy(document: AsyncApi): (place: string, value: unknown) => string[] {
  const ajv = new Ajv({ allErrors: true, strict: true });
  addFormats(ajv);
  // The document's own place for its schemas, as its references name it.
  ajv.addVocabulary(['components']);
  ajv.addSchema({ $id: 'asyncapi', components: { schemas: closed(document.components.schemas) } });
  return (place, value) => {
    const validate = ajv.getSchema(`asyncapi${place}`);
    if (!validate) throw new Error(`nothing is at ${place}`);
    if (validate(value)) return [];
    return (validate.errors ?? []).map(({ instancePath, message, params }) =>
      [instancePath, message, params.additionalProperty].filter((part) => part !== undefined).join(' '),
    );
  };
}

/** Where the document describes an event: by its type, or as a message that was forwarded. */
export const idIn = ({ components }: AsyncApi, { type }: PostdateEvent): string =>
  components.messages[type] === undefined && type.endsWith('.due') ? 'forwarded' : type;

/** All events of a database, in the order in which they were written. */
export async function eventsIn(pool: Pool): Promise<PostdateEvent[]> {
  const { rows } = await pool.query<{ payload: PostdateEvent }>('select payload from postdate.outbox order by seq');
  return rows.map(({ payload }) => payload);
}

function closed(part: AsyncApi): AsyncApi {
  if (Array.isArray(part)) return part.map(closed);
  if (typeof part !== 'object' || part === null) return part;
  const inside = Object.fromEntries(Object.entries(part).map(([name, value]) => [name, closed(value)]));
  return part.type === 'object' && part.properties ? { additionalProperties: false, ...inside } : inside;
}
