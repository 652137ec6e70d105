import type { Pool } from 'pg';
import { type BackgroundLoop, runInBackground } from '../platform/loops/background-loop';

const EVERY_MS = 1_000;

/**
 * A reader of the stream of which a partition lags, or that has events to try again, or is not known yet. The index of waiting
 * rows is enough.
 */
const BEHIND = `
  select name from unnest($1::text[]) as given (name)
   where not exists (select from postdate.consumer where consumer.name = given.name)
      or exists (select from postdate.consumer as part
                  where given.name in (part.name, part.part_of)
                    and position < (select position from postdate.stream_head))
      or exists (select from postdate.set_aside
                  where set_aside.consumer = given.name and ended_at is null and next_try_at <= now())`;
const TO_SEND = `
  exists (select from postdate.webhook
           where disabled_at is null and (resting_until is null or resting_until <= now())
             and exists (select from postdate.webhook_delivery
                          where webhook_id = id and next_try_at <= now() and not behind))`;

/**
 * Asks once a second, for all readers of the stream together, which of them have something to do, and nudges those. A hint
 * that the stream has grown usually comes first; tries that have become due send none.
 */
export function watchStream(
  pool: Pool,
  {
    readers,
    sending,
    onError,
  }: {
    /** By the names of their consumers. */
    readers: Map<string, Pick<BackgroundLoop, 'nudge'>>;
    /** Of webhooks. */
    sending: Pick<BackgroundLoop, 'nudge'>;
    onError(error: unknown): void;
  },
): BackgroundLoop {
  const names = [...readers.keys()];
  async function look(): Promise<'idle'> {
    const { rows } = await pool.query<{ behind: string[]; toSend: boolean }>({
      name: 'postdate.watch-stream',
      text: `select array(${BEHIND}) as behind, ${TO_SEND} as "toSend"`,
      values: [names],
    });
    for (const name of rows[0]?.behind ?? []) readers.get(name)?.nudge();
    if (rows[0]?.toSend) sending.nudge();
    return 'idle';
  }
  return runInBackground(look, { pauseMs: EVERY_MS, onError });
}
