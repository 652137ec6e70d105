import { log, setCurrentDetails } from '@temporalio/workflow';
import type { AppliedCommand } from '../commands';
import type { MessageView, ScheduledMessage } from '../contract';
import type { Decision } from '../decision';
import { currentDetails, endingOf } from './wording';

/** The message as it stands in this run, shared by the sleep, the delivery and the commands. */
export interface Standing {
  message(): ScheduledMessage;
  ended(): Decision | undefined;
  held(): void;
  /** Takes the ledger's word on the present cycle: the message ends, or goes on with its next cycle. */
  obey(decision: Decision): void;
  /** Notes the answer to a command. */
  answered(command: AppliedCommand): void;
  /** Notes a command that cannot be obeyed; it never stops the message. */
  refuse(why: string): void;
  view(): MessageView;
}

/** Stands a message up at its posted cycle. Every change shows in the Web UI's current details. */
export function standAt(posted: ScheduledMessage, lastCommand?: AppliedCommand): Standing {
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
    held() {
      state = 'held';
      show();
    },
    obey(decision) {
      // Two may bring the same word: a delivery and the command that it lost to, or beat.
      if (ended || decision.cycle !== message.cycle) return;
      if (decision.next) message = nextCycle(message, decision);
      else ended = decision;
      show();
    },
    answered(command) {
      lastCommand = command;
      show();
    },
    refuse(why) {
      refusals += 1;
      lastRefusal = why;
      log.warn('refused a command', { why, cycle: message.cycle });
      show();
    },
  };
}

function nextCycle(message: ScheduledMessage, { outcome, next }: Decision): ScheduledMessage {
  const { repeat } = message;
  // A move is of one cycle; the series stays where it is.
  if (!repeat || !next || outcome === 'moved') return { ...message, ...next };
  return { ...message, ...next, repeat: { ...repeat, at: next.dueAt, done: repeat.done + 1 } };
}
