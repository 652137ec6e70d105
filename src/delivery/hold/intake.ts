import { type Delivery, errorNames } from '../../message/contract';
import { isFetched } from '../../message/wake';
import type { DatabaseClock } from '../../platform/database/clock';
import type { Metrics } from '../../platform/telemetry/metrics';
import type { Topic } from '../../topics/topic';
import { type Attempt, type HeldMessage, newHeldMessage, type OnSettled } from '../held/held-message';
import type { HeldMessages } from '../held/held-messages';
import type { LedgerAnswers } from './answer-from-ledger';
import type { HeldWriter } from './held-writer';
import type { LaneRouting } from './lane-routing';
import { createLeadWatch } from './lead-watch';
import type { Places } from './places';
import { handedBack, retryLater, waitForPlaceMs } from './retry-later';

// A stopping worker still lands a message that is due this soon: no other worker could take it over in time.
const KEEP_WHEN_STOPPING_MS = 2_000;
// Clocks of servers in one place differ by milliseconds. A message that comes earlier than its lead by more than this
// was woken by a wrong clock, or by hand. It goes back to Temporal, where waiting costs nothing.
const EARLY_ALLOWANCE_MS = 60_000;
// A message goes back to Temporal for this long at most: the clock that said how long to wait may be the wrong one.
const BACK_AFTER_MS = 600_000;
// A message that comes this late, as after an outage, lands after those of its tenant that come when they are due.
const BACKLOG_AFTER_MS = 10_000;

/** The ways by which messages come into the hold, and the way back to Temporal. */
export function createIntake(
  { clock, metrics }: { clock: Pick<DatabaseClock, 'now'>; metrics: Pick<Metrics, 'neededLead'> },
  {
    messages,
    places,
    answerFromLedger,
    routing,
    writer,
  }: {
    messages: HeldMessages;
    places: Places;
    answerFromLedger: LedgerAnswers;
    routing: LaneRouting;
    writer: Pick<HeldWriter, 'write'>;
  },
) {
  const leadWatch = createLeadWatch(metrics);
  let stopping = false;
  // It was landing or leaving when the worker began to stop, and is held again.
  messages.on('held', (message, from) => {
    if (stopping && from !== 'new') handBackInTime(message);
  });

  /** Holds a delivery for an attempt of its activity, which is answered when the message ends here. */
  function keep(topic: Topic, delivery: Delivery, attempt: Attempt, { isAsked = false } = {}): void {
    const { message, late } = delivery;
    const now = clock.now();
    const inMs = message.dueAt - now;
    const known = messages.find(delivery);
    // It was fetched before it was due, and most likely landed then: no place is needed to learn that.
    const mayHaveLanded = isFetched(message) && !late && inMs <= 0 && !isAsked;
    if (known) {
      if (known.attempts.length === 0) leadWatch.woken(delivery, now);
      join(known, attempt, inMs);
    } else if (mayHaveLanded) {
      const undecided = () => keep(topic, delivery, attempt, { isAsked: true });
      answerFromLedger({ topic, delivery, attempt, undecided });
    } else if (stopping && inMs > KEEP_WHEN_STOPPING_MS) attempt.reject(handedBack(delivery, inMs));
    else if (inMs > (message.leadMs ?? 0) + EARLY_ALLOWANCE_MS) {
      attempt.reject(retryLater(errorNames.notDue, Math.min(BACK_AFTER_MS, inMs - (message.leadMs ?? 0))));
    } else if (!places.take(delivery, inMs)) refuse(topic, delivery, attempt);
    else {
      const held = newHeldMessage(topic, delivery, {
        attempts: [attempt],
        heldWhenDue: inMs > 0 || late,
        ofBacklog: isOfBacklog(delivery),
      });
      const [mine] = routing.routeToLanes([held]);
      if (!mine) return;
      leadWatch.woken(delivery, now);
      messages.hold(mine);
      writer.write(mine.delivery, inMs);
    }
  }

  /** A message that was due before it was posted is as urgent as one that is due now. */
  const isOfBacklog = ({ message, late }: Delivery) => !late && clock.now() - message.dueAt > BACKLOG_AFTER_MS;

  /** Has an attempt wait for a message that is here: it was taken over, or only the connection of its first attempt was broken. */
  function join(known: HeldMessage, attempt: Attempt, inMs: number): void {
    const isFirst = known.attempts.length === 0;
    // Without a place the message stays here, and lands without the attempt.
    if (isFirst && !places.take(known.delivery, inMs)) refuse(known.topic, known.delivery, attempt);
    else known.attempts.push(attempt);
    if (isFirst) places.mayGiveUp(known);
  }

  /** Gives an attempt without a place back to Temporal, unless its message has landed without it. */
  function refuse(topic: Topic, delivery: Delivery, attempt: Attempt): void {
    const inMs = delivery.message.dueAt - clock.now();
    const otherwise = retryLater(errorNames.notDue, waitForPlaceMs(delivery, inMs));
    if (inMs > 0) attempt.reject(otherwise);
    else answerFromLedger({ topic, delivery, attempt, undecided: () => attempt.reject(otherwise) });
  }

  /**
   * Takes over messages that another worker, or no worker, held. Returns those newly held here: not those already held, nor
   * those of another lane. No attempt waits for them yet. With `onSettled` they are overdue. There is no time
   * left to follow the rules of the lanes, so they land here.
   */
  function takeOver(topic: Topic, deliveries: Delivery[], onSettled?: OnSettled): Delivery[] {
    const taken = new Map<string, HeldMessage>();
    for (const delivery of deliveries.filter((one) => !messages.find(one))) {
      const message = newHeldMessage(topic, delivery, {
        heldWhenDue: onSettled === undefined,
        ofBacklog: isOfBacklog(delivery),
        onSettled,
      });
      taken.set(message.id, message);
    }
    const staying = onSettled ? [...taken.values()] : routing.routeToLanes([...taken.values()]);
    return staying.filter((message) => messages.hold(message)).map(({ delivery }) => delivery);
  }

  /** Gives messages with time left back to Temporal, so that other workers hold them, and takes no more of them. */
  function handBack(): void {
    stopping = true;
    for (const message of messages.all()) if (message.state === 'held') handBackInTime(message);
  }

  function handBackInTime(message: HeldMessage): void {
    const inMs = message.delivery.message.dueAt - clock.now();
    if (inMs > KEEP_WHEN_STOPPING_MS) messages.settle(message, { kind: 'handedBack', inMs });
  }

  return { keep, takeOver, handBack, wakesAreLate: leadWatch.wakesAreLate };
}
