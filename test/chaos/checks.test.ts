import { violationsIn } from '../../chaos/checks/checks';
import type { Decided, Delivered, Event, Evidence } from '../../chaos/checks/evidence';
import type { Plan, PlannedBeat } from '../../chaos/plan/plan';
import type { DiaryLine, Operation } from '../../chaos/programs/diary';

const DUE_AT = 1_000_000;
const REQUESTS = 'payment-request.expiry';
const BEAT = 'chaos.beat';

const eventOf = (topic: string, of: string, cycle: number, type: string): Event => ({
  id: `${topic}:chaos:${of}:${cycle}:${type}`,
  topic,
  of,
  cycle,
  type,
});
const decided = (topic: string, id: string, cycle: number, fields: Partial<Decided> = {}): Decided => ({
  topic,
  id,
  cycle,
  outcome: 'delivered',
  dueAt: DUE_AT,
  decidedAt: DUE_AT + 3,
  late: false,
  ...fields,
});
const said = (op: Operation, id: string, answer: DiaryLine['answer']): DiaryLine => ({
  at: DUE_AT,
  id,
  op,
  phase: 'ok',
  answer,
});
const delivered = ({ id, type, of }: Event, position: number): Delivered => ({
  at: DUE_AT + 50,
  position,
  id,
  type,
  subject: `chaos/${of}`,
});
const next = (cycle: number) => ({ cycle, dueAt: DUE_AT + 3_000 });

/** One request that was paid, one that expired after an extension; a whole series, one moved and cancelled, one poison. */
function soundEvidence() {
  const events = [
    eventOf(REQUESTS, 'paid', 1, 'payment-request.requested'),
    eventOf(REQUESTS, 'paid', 1, 'payment-request.paid'),
    eventOf(REQUESTS, 'expired', 1, 'payment-request.requested'),
    eventOf(REQUESTS, 'expired', 2, 'payment-request.extended'),
    eventOf(REQUESTS, 'expired', 2, 'payment-request.expired'),
    ...[1, 2, 3, 4].map((cycle) => eventOf(BEAT, 'series', cycle, 'chaos.beat')),
    eventOf(BEAT, 'moved', 2, 'chaos.beat'),
    eventOf(BEAT, 'poison', 1, 'postdate.failed'),
  ];
  const decisions = [
    decided(REQUESTS, 'paid', 1, { outcome: 'cancelled', decidedAt: DUE_AT - 500, commandId: 'V1StGXR8_Z5jdHi6B-myT' }),
    decided(REQUESTS, 'expired', 1, { outcome: 'moved', decidedAt: DUE_AT - 500, next: next(2) }),
    decided(REQUESTS, 'expired', 2),
    ...[1, 2, 3].map((cycle) => decided(BEAT, 'series', cycle, { next: next(cycle + 1) })),
    decided(BEAT, 'series', 4),
    decided(BEAT, 'moved', 1, { outcome: 'moved', commandId: 'move:moved', next: next(2) }),
    decided(BEAT, 'moved', 2, { next: next(3) }),
    decided(BEAT, 'moved', 3, { outcome: 'cancelled', commandId: 'cancel:moved' }),
    decided(BEAT, 'poison', 1, { outcome: 'failed' }),
  ];
  const evidence: Evidence = {
    requests: [
      { id: 'paid', status: 'PAID', cycle: 1 },
      { id: 'expired', status: 'EXPIRED', cycle: 2 },
    ],
    decisions,
    events,
    beats: [...[1, 2, 3, 4].map((cycle) => ({ id: 'series', cycle })), { id: 'moved', cycle: 2 }],
    notifications: events
      .filter(({ topic }) => topic === REQUESTS)
      .flatMap(({ id }) => [
        { eventId: id, person: 'John' },
        { eventId: id, person: 'Doe' },
      ]),
    deliveries: events.map((event, place) => delivered(event, place + 1)),
    diary: [
      said('request', 'paid', { result: 'requested' }),
      said('pay', 'paid', { result: 'paid' }),
      said('request', 'expired', { result: 'exists' }),
      said('extend', 'expired', { result: 'extended' }),
      said('cancel', 'expired', { result: 'tooLate', status: 'EXPIRED' }),
      ...['series', 'moved', 'poison'].map((id) => said('schedule', id, { result: 'scheduled' })),
      said('moveBeat', 'moved', { result: 'moved', cycle: 2, dueAt: new Date(DUE_AT + 3_000).toISOString() }),
      said('cancelBeat', 'moved', { result: 'cancelled' }),
      said('cancelBeat', 'series', { result: 'tooLate', outcome: 'delivered' }),
      { at: DUE_AT, id: 'paid', op: 'pay', phase: 'info', why: 'nobody knows' },
    ],
    workflows: decisions.map(({ topic, id }) => ({ id: `postdate:${topic}:chaos:${id}`, open: false, events: 20 })),
  };
  const beat = (id: string, temper: PlannedBeat['temper']): PlannedBeat => ({ id, temper, atMs: 0, dueInMs: 1 });
  const beats = [beat('series', 'flaky'), beat('moved', 'sound'), beat('poison', 'poison')];
  const plan: Plan = { seed: 1, minutes: 1, producers: [{ requests: [], beats }], faults: [] };
  return { evidence, plan };
}

const found = ({ evidence, plan }: ReturnType<typeof soundEvidence>) =>
  violationsIn(evidence, plan).map(({ invariant }) => invariant);
const one = <Item>(items: Item[], is: (item: Item) => boolean): Item => {
  const [item] = items.filter(is);
  if (item === undefined) throw new Error('there is none');
  return item;
};
const remove = <Item>(items: Item[], is: (item: Item) => boolean) => void items.splice(items.findIndex(is), 1);

it('a sound run has no violation, also when events were heard twice', () => {
  const run = soundEvidence();
  run.evidence.deliveries.push(...run.evidence.deliveries.slice(0, 3));
  expect(found(run)).toEqual([]);
});

type Breakage = [invariant: string, what: string, breaks: (evidence: Evidence) => void];
const breakages: Breakage[] = [
  ['I22', 'a beat that nobody posted', ({ decisions }) => void decisions.push(decided(BEAT, 'squatted', 1))],
  [
    'I22',
    'a beat that a stranger cancelled',
    ({ decisions }) => {
      one(decisions, ({ id, cycle }) => id === 'moved' && cycle === 3).commandId = 'stranger';
    },
  ],
  [
    'I22',
    'a message of a request that a signal without an id has cancelled, though its row has ended as it should',
    ({ decisions }) => {
      one(decisions, ({ id }) => id === 'paid').commandId = '3b8699dc-d16b-484a-af7d-1c8155de317a';
    },
  ],
  [
    'I1',
    'a decision before its due time',
    ({ decisions }) => {
      one(decisions, ({ id }) => id === 'expired').outcome = 'delivered';
    },
  ],
  [
    'I1',
    'an event heard before its due time',
    ({ deliveries }) => {
      one(deliveries, ({ type }) => type === 'payment-request.expired').at = DUE_AT - 1;
    },
  ],
  [
    'I2',
    'a request that is closed twice',
    ({ events, deliveries, notifications }) => {
      const again = eventOf(REQUESTS, 'paid', 1, 'payment-request.expired');
      events.push(again);
      deliveries.push(delivered(again, 99));
      notifications.push({ eventId: again.id, person: 'John' }, { eventId: again.id, person: 'Doe' });
    },
  ],
  ['I2', 'a beat with two effects', ({ beats }) => void beats.push({ id: 'series', cycle: 2 })],
  [
    'I3',
    'a request that is pending still',
    ({ requests }) => {
      one(requests, ({ id }) => id === 'expired').status = 'PENDING';
    },
  ],
  [
    'I3',
    'a series that stops',
    ({ decisions }) => remove(decisions, ({ id, cycle }) => id === 'series' && cycle === 4),
  ],
  [
    'I4, I5, I6',
    'a caller that was told a lie',
    ({ diary }) => {
      one(diary, ({ op, phase }) => op === 'pay' && phase === 'ok').answer = { result: 'tooLate', status: 'EXPIRED' };
    },
  ],
  [
    'I5, I11',
    'a cancel that nobody wrote down',
    ({ decisions }) => {
      one(decisions, ({ commandId }) => commandId === 'cancel:moved').commandId = undefined;
    },
  ],
  [
    'I5, I11',
    'a move to another due time than was told',
    ({ decisions }) => {
      one(decisions, ({ commandId }) => commandId === 'move:moved').next = { cycle: 2, dueAt: DUE_AT + 1 };
    },
  ],
  [
    'I5, I11',
    'an answer that is none',
    ({ diary }) => {
      one(diary, ({ op }) => op === 'moveBeat').answer = { result: 'notFound' };
    },
  ],
  ['I7', 'an effect without its event', ({ events }) => remove(events, ({ type }) => type === 'chaos.beat')],
  ['I7', 'an event that was not heard', ({ deliveries }) => void deliveries.splice(3, 1)],
  [
    'I7',
    'an event that never was',
    ({ deliveries }) => void deliveries.push(delivered(eventOf(BEAT, 'ghost', 1, 'chaos.beat'), 99)),
  ],
  ['I7', 'somebody who was not notified', ({ notifications }) => void notifications.pop()],
  [
    'I8',
    'an event with an id of its own',
    ({ events, deliveries }) => {
      const event = one(events, ({ type }) => type === 'postdate.failed');
      event.id = 'random';
      deliveries.push(delivered(event, 99));
    },
  ],
  ['I9', 'a request that is gone', ({ requests }) => remove(requests, ({ id }) => id === 'paid')],
  [
    'I9',
    'a workflow that is open still',
    ({ workflows }) => {
      one(workflows, () => true).open = true;
    },
  ],
  [
    'I14',
    'events of one message heard in another order',
    ({ deliveries }) => {
      one(deliveries, ({ type }) => type === 'payment-request.extended').position = 99;
    },
  ],
  [
    'I16',
    'a message that failed and is no poison',
    ({ decisions, events, deliveries }) => {
      const event = eventOf(BEAT, 'series', 4, 'postdate.failed');
      one(decisions, ({ id, cycle }) => id === 'series' && cycle === 4).outcome = 'failed';
      events.push(event);
      deliveries.push(delivered(event, 99));
    },
  ],
  [
    'I20',
    'a run that grows',
    ({ workflows }) => {
      one(workflows, () => true).events = 5_000;
    },
  ],
];

it.each(breakages)('%s: %s is found', (invariant, _, breaks) => {
  const run = soundEvidence();
  breaks(run.evidence);
  expect(found(run)).toContain(invariant);
});

it('what a clock that is a day ahead has landed is not called early for it', () => {
  const run = soundEvidence();
  const expired = one(run.evidence.decisions, ({ id, cycle }) => id === 'expired' && cycle === 2);
  expired.decidedAt = DUE_AT + 86_400_000;
  one(run.evidence.deliveries, ({ type }) => type === 'payment-request.expired').at = DUE_AT - 1;
  expect(found(run)).toEqual([]);
});
