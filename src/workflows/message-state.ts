import { log, setCurrentDetails } from '@temporalio/workflow';
import type { AppliedCommand } from '../message/commands';
import type { MessageView, ScheduledMessage } from '../message/contract';
import type { Decision } from '../message/decision';
import { occurrenceOf, withOccurrence } from '../message/occurrence';
import { currentDetails, endingOf } from './display-text';

/** The state of the message in this run, shared by the sleep, the delivery and the commands. */
export interface MessageState {
  message(): ScheduledMessage;
  ended(): Decision | undefined;
  markHeld(): void;
  /** Applies the ledger's decision on the present cycle: the message ends, or goes on with its next cycle. */
  applyDecision(decision: Decision): void;
  /** Records the answer to a command. */
  recordAnswered(command: AppliedCommand): void;
  /** Records a command that cannot be applied. It never stops the message. */
  recordRefusal(why: string): void;
  view(): MessageView;
}

/** Creates the state of a message at its posted cycle. Every change shows in the Web UI's current details. */
export function createMessageState(posted: ScheduledMessage, lastCommand?: AppliedCommand): MessageState {
  let message = posted;
  let ended: Decision | undefined;
  let state: MessageView['state'] = 'waiting';
  let refusals = 0;
  let lastRefusal: string | undefined;

  const view = (): MessageView => ({
    message,
    state: ended ? 'ended' : state,
    ending: ended && endingOf(ended),
    refusals,
    lastRefusal,
    lastCommand,
  });
  const show = () => setCurrentDetails(currentDetails(view()));
  show();

  return {
    message: () => message,
    ended: () => ended,
    view,
    markHeld() {
      state = 'held';
      show();
    },
    applyDecision(decision) {
      // The same decision may arrive twice: from the delivery, and from a command that won or lost against it.
      if (ended || decision.cycle !== message.cycle) return;
      if (decision.next) message = nextCycle(message, decision);
      else ended = decision;
      show();
    },
    recordAnswered(command) {
      lastCommand = command;
      show();
    },
    recordRefusal(why) {
      refusals += 1;
      lastRefusal = why;
      log.warn('refused a command', { why, cycle: message.cycle });
      show();
    },
  };
}

function nextCycle(message: ScheduledMessage, { outcome, next }: Decision): ScheduledMessage {
  const { repeat } = message;
  const following = { ...message, ...next };
  // A move concerns one cycle. The occurrence stays, and the series keeps its place.
  if (outcome === 'moved') return withOccurrence(following, occurrenceOf(message));
  if (!repeat || !next) return following;
  return { ...following, repeat: { ...repeat, at: next.dueAt, done: repeat.done + 1 } };
}
