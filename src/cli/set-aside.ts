import type { Command } from 'commander';
import {
  countSetAside,
  type ListedSetAside,
  listSetAside,
  type SetAsideSelection,
  sendAgain,
  skipSetAside,
} from '../events/set-aside-orders';
import { withPool } from './connections';
import { type ExitCode, run } from './exit';
import { CommandFailure } from './failure';
import { print, printJson } from './output';
import { tableOf } from './table';

interface Selection {
  consumer?: string;
  event?: string;
}
type SkipOptions = Required<Selection> & { because: string };

const SHOWN = 100;

/** Adds the commands for events that a broker or a consumer refuses. */
export function addSetAside(events: Command, wantsJson: () => boolean): void {
  events
    .command('set-aside')
    .description(
      'events that a broker or a consumer refuses, and those that wait behind them; exit code 1 if there is any',
    )
    .option('--consumer <name>', 'of this one only')
    .action((options: Selection) => run(show(options, wantsJson())));
  events
    .command('resend')
    .description(
      'send events that are set aside again, each with what waits behind it; exit code 1 if there are none such',
    )
    .option('--consumer <name>', 'to this one only')
    .option('--event <id>', 'the event of this id, and its message')
    .action((options: Selection) => run(resend(options, wantsJson())));
  events
    .command('skip')
    .description(
      'never send an event to the consumer that refuses it, and send those behind it; exit code 1 if it is none such',
    )
    .requiredOption('--consumer <name>', 'which one refuses it')
    .requiredOption('--event <id>', 'the event of this id')
    .requiredOption('--because <text>', 'why, for the record')
    .action((options: SkipOptions) => run(skip(options, wantsJson())));
}

const show = ({ consumer }: Selection, json: boolean): Promise<ExitCode> =>
  withPool(async (pool) => {
    const found = await listSetAside(pool, { consumer }, SHOWN);
    const all = (await countSetAside(pool))
      .filter((one) => consumer === undefined || one.consumer === consumer)
      .reduce((sum, { events }) => sum + events, 0);
    if (json) printJson({ setAside: all, events: found });
    else if (found.length === 0) print('no event is set aside');
    else {
      print(tableOf(['consumer', 'position', 'tries', 'since', 'event', 'why'], found.map(rowOf), { cutLast: true }));
      if (all > found.length) print(`and ${all - found.length} more`);
    }
    return found.length > 0 ? 1 : 0;
  });

const rowOf = ({ consumer, position, tries, setAsideAt, eventId, reason, nextTryAt }: ListedSetAside) => [
  consumer,
  position,
  tries,
  setAsideAt,
  eventId,
  nextTryAt === undefined ? reason : `again at ${nextTryAt}: ${reason}`,
];

const resend = ({ consumer, event: eventId }: Selection, json: boolean): Promise<ExitCode> =>
  withPool(async (pool) => {
    const selection: SetAsideSelection = { consumer, eventId };
    const events = await sendAgain(pool, selection);
    if (json) printJson({ ...selection, events });
    else print(`${events} events are sent again; postdate events set-aside shows which are refused once more`);
    return events > 0 ? 0 : 1;
  });

const skip = ({ consumer, event: eventId, because: why }: SkipOptions, json: boolean): Promise<ExitCode> =>
  withPool(async (pool) => {
    if (why.trim() === '') throw new CommandFailure('--because: must not be empty', 'say why the event is never sent');
    const skipped = await skipSetAside(pool, { consumer, eventId, why });
    if (json) printJson({ consumer, eventId, skipped });
    else print(skipped ? `${consumer} is never sent ${eventId}` : `${consumer} refuses no event ${eventId}`);
    return skipped ? 0 : 1;
  });
