import { isWithdrawn } from '../../src/message/decision';
import { rfc3339 } from '../../src/message/due-time';
import type { PlannedBeat } from '../plan/plan';
import { BEATS, beat } from '../programs/beat';
import type { DiaryLine } from '../programs/diary';
import type { Decided, Evidence } from './evidence';
import { byId, type Check, idsWhere } from './violation';

type Seen = Evidence & { planned: PlannedBeat[] };

/** What each repeating message owes: its beats, and a true answer to each command. */
export const beatChecks: Check<Seen>[] = [
  {
    invariant: 'I2',
    what: 'a beat that had its effect twice, or without a decision',
    broken(seen) {
      const delivered = new Set(ours(seen).filter(isDelivered).map(nameOf));
      const seenOnce = new Set<string>();
      return seen.beats.map(nameOf).filter((name) => {
        const again = seenOnce.has(name);
        seenOnce.add(name);
        return again || !delivered.has(name);
      });
    },
  },
  {
    invariant: 'I3',
    what: 'a series that did not come to its end',
    broken(seen) {
      const decisionsOf = byId(ours(seen), ({ id }) => id);
      const temperOf = new Map(seen.planned.map(({ id, temper }) => [id, temper]));
      return posted(seen).filter((id) => {
        const decisions = decisionsOf(id);
        const last = decisions.at(-1);
        if (!last || last.next) return true;
        const beaten = decisions.filter(isDelivered).length;
        if (last.outcome === 'cancelled') return beaten >= BEATS;
        return temperOf.get(id) === 'poison' ? last.outcome !== 'failed' : beaten !== BEATS;
      });
    },
  },
  {
    invariant: 'I5, I11',
    what: 'a command answered otherwise than the ledger has it',
    broken(seen) {
      const decisionsOf = byId(ours(seen), ({ id }) => id);
      const commands = seen.diary.filter(({ op, phase }) => phase === 'ok' && ['cancelBeat', 'moveBeat'].includes(op));
      return idsWhere(commands, (line) => !isTrue(line, decisionsOf(line.id)));
    },
  },
  {
    invariant: 'I7',
    what: 'a decision without its effect or event, or the reverse',
    broken(seen) {
      const effects = seen.beats.map(nameOf);
      const told = (type: string) =>
        seen.events.filter((event) => event.type === type).map(({ of, cycle }) => nameOf({ id: of, cycle }));
      const decided = (outcome: Decided['outcome']) =>
        ours(seen)
          .filter((one) => one.outcome === outcome)
          .map(nameOf);
      return [
        ...difference(decided('delivered'), effects),
        ...difference(decided('delivered'), told('chaos.beat')),
        ...difference(decided('failed'), told('postdate.failed')),
      ];
    },
  },
  {
    invariant: 'I16',
    what: 'a message that failed without being poison',
    broken(seen) {
      const poison = new Set(seen.planned.filter(({ temper }) => temper === 'poison').map(({ id }) => id));
      return idsWhere(seen.decisions, ({ id, outcome }) => outcome === 'failed' && !poison.has(id));
    },
  },
  {
    invariant: 'I22',
    what: 'a decision on a beat of which the plan knows nothing',
    broken(seen) {
      const planned = new Set(seen.planned.map(({ id }) => id));
      return idsWhere(ours(seen), ({ id }) => !planned.has(id));
    },
  },
  {
    invariant: 'I22',
    what: 'a beat withdrawn by a command that no producer gave',
    broken: (seen) =>
      idsWhere(ours(seen), ({ id, outcome, commandId }) => {
        if (!isWithdrawn(outcome)) return false;
        return commandId !== `${outcome === 'moved' ? 'move' : 'cancel'}:${id}`;
      }),
  },
];

const ours = ({ decisions }: Evidence) => decisions.filter(({ topic }) => topic === beat.name);
const isDelivered = ({ outcome }: Decided) => outcome === 'delivered';
const nameOf = ({ id, cycle }: { id: string; cycle: number }) => `${id}#${cycle}`;

const posted = ({ diary }: Evidence) =>
  diary.filter(({ op, phase }) => op === 'schedule' && phase === 'ok').map(({ id }) => id);

function isTrue({ op, id, answer }: DiaryLine, decisions: Decided[]): boolean {
  const last = decisions.at(-1);
  const mine = decisions.filter(({ commandId }) => commandId === `${op === 'cancelBeat' ? 'cancel' : 'move'}:${id}`);
  switch (answer?.result) {
    case 'cancelled':
      return mine.length === 1 && mine[0] === last && last?.outcome === 'cancelled';
    case 'moved':
      return (
        mine.length === 1 &&
        mine[0]?.outcome === 'moved' &&
        mine[0].next?.cycle === answer.cycle &&
        rfc3339(mine[0].next?.dueAt ?? 0) === answer.dueAt
      );
    case 'tooLate':
      return last !== undefined && last.next === undefined && last.outcome === answer.outcome;
    default:
      // No other answer is to be had for a message that was posted: it has neither been forgotten, nor was a cycle named.
      return false;
  }
}

function difference(one: string[], other: string[]): string[] {
  const [inOne, inOther] = [new Set(one), new Set(other)];
  return [...one.filter((name) => !inOther.has(name)), ...other.filter((name) => !inOne.has(name))];
}
