import { inTransaction } from '../../../src/platform/database/pool';
import { registerTopics } from '../../../src/producing/dispatch/register-topics';
import { scheduleIn } from '../../../src/producing/in-transaction';
import type { Topic } from '../../../src/topics/topic';
import { useDatabase } from '../../support/database';
import { post, postedTopic, startTestDispatcher } from '../../support/dispatching';
import { eventually } from '../../support/eventually';
import { ODD } from '../../support/odd-values';

const database = useDatabase();

it.each(['an error whose cause is itself', 'null', 'a revoked proxy', 'methods that throw'])(
  'a command waits, with its reason, when the upcast of its topic throws: %s',
  async (name) => {
    await registerTopics(database.pool, [postedTopic]);
    const command = post();
    await inTransaction(database.pool, (tx) => scheduleIn(tx, command));
    const upcast = () => {
      throw ODD[name]?.();
    };
    const newer: Topic = { ...postedTopic, payloadVersion: 2, upcasts: [upcast] };
    // The upcast comes first: no client is asked.
    const dispatcher = startTestDispatcher({ pool: database.pool, client: {} as never }, [newer]);
    const stateOf = async () =>
      (
        await database.pool.query(
          'select failure, dispatched_at from postdate.command where key = $1 and claimed_by is null',
          [command.key],
        )
      ).rows;
    try {
      await eventually(async () =>
        expect(await stateOf()).toEqual([{ failure: expect.any(String), dispatched_at: null }]),
      );
    } finally {
      await dispatcher.stop();
    }
    expect(dispatcher.errors).toContainEqual(expect.any(Error));
  },
);
