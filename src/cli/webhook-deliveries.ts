import { type Command, Option } from 'commander';
import type { Pool } from 'pg';
import { DELIVERY_STATES, type DeliveryState, type ListedDelivery, listDeliveries } from '../events/webhooks/list';
import { type ReplaySelection, replayDeliveries } from '../events/webhooks/replay';
import { withPool } from './connections';
import { type ExitCode, run } from './exit';
import { CommandFailure } from './failure';
import { position, wholeFromOne } from './options';
import { print, printJson } from './output';
import { tableOf } from './table';

interface ReplayOptions {
  event?: string;
  from?: number;
  to?: number;
  failed?: boolean;
  dryRun?: boolean;
}

export function addDeliveries(webhooks: Command, wantsJson: () => boolean): void {
  webhooks
    .command('deliveries <id>')
    .description('what it was sent and is to be sent, the latest event first')
    .addOption(new Option('--state <state>', 'in this state only').choices(DELIVERY_STATES))
    .option('--limit <number>', 'at most so many', wholeFromOne, 100)
    .action((id: string, options: { state?: DeliveryState; limit: number }) =>
      run(
        withPool(async (pool) => {
          await requireWebhook(pool, id);
          return show(await listDeliveries(pool, id, options), wantsJson());
        }),
      ),
    );
}

export function addWebhookReplay(webhooks: Command, wantsJson: () => boolean): void {
  webhooks
    .command('replay <id>')
    .description('send it events again, or for the first time; exit code 1 if there are none such')
    .option('--event <id>', 'the event of this id')
    .option('--from <position>', 'those after this position of the stream; 0 is everything that is kept', position)
    .option('--to <position>', 'and up to this one', position)
    .option('--failed', 'those that were given up')
    .option('--dry-run', 'say how many there are')
    .action((id: string, options: ReplayOptions) => run(replay(id, options, wantsJson())));
}

async function replay(id: string, options: ReplayOptions, json: boolean): Promise<ExitCode> {
  const selection = selectionOf(options);
  const { dryRun = false } = options;
  return withPool(async (pool) => {
    const { disabled } = await requireWebhook(pool, id);
    if (disabled) throw new CommandFailure(`${id} is disabled`, `first: postdate webhooks enable ${id}`);
    const { queued, waiting } = await replayDeliveries(pool, id, selection, { dryRun });
    if (json) printJson({ id, queued, waiting, dryRun });
    else
      print(`${queued} events ${dryRun ? 'would be' : 'are'} sent again; ${waiting} were waiting, and are tried now`);
    return queued + waiting > 0 ? 0 : 1;
  });
}

function selectionOf({ event, from, to, failed }: ReplayOptions): ReplaySelection {
  const given = [event, from, failed].filter((one) => one !== undefined);
  if (given.length !== 1)
    throw new CommandFailure('what to send is not clear', 'give one of --event, --from and --failed');
  if (to !== undefined && from === undefined) throw new CommandFailure('--to: is for --from', 'give --from as well');
  if (event !== undefined) return { eventId: event };
  return from === undefined ? { failed: true } : { from, to };
}

/** The webhook of this id. Throws a `CommandFailure` that names the existing ones. */
export async function requireWebhook(pool: Pool, id: string): Promise<{ disabled: boolean }> {
  const { rows } = await pool.query<{ id: string; disabled: boolean }>(
    'select id, disabled_at is not null as disabled from postdate.webhook order by created_at',
  );
  const found = rows.find((row) => row.id === id);
  if (found) return found;
  const known = rows.map((row) => row.id).join(', ') || 'none: see postdate webhooks add --help';
  throw new CommandFailure(`there is no webhook ${id}; known are ${known}`);
}

function show(deliveries: ListedDelivery[], json: boolean): ExitCode {
  if (json) printJson(deliveries);
  else if (deliveries.length === 0) print('no deliveries');
  else {
    const rows = deliveries.map((one) => [
      one.position,
      one.replay,
      one.state,
      one.tries,
      atOf(one),
      one.eventId,
      lastAnswerText(one),
    ]);
    print(tableOf(['position', 'replay', 'state', 'tries', 'at', 'event', 'last answer'], rows, { cutLast: true }));
  }
  return 0;
}

const atOf = ({ state, endedAt, nextTryAt }: ListedDelivery) => (state === 'waiting' ? `next ${nextTryAt}` : endedAt);
const lastAnswerText = ({ failure, status }: ListedDelivery) =>
  failure ?? (status === undefined ? '' : `answered ${status}`);
