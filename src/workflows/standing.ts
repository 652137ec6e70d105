import { log, setCurrentDetails } from '@temporalio/workflow';
import type { Decision, MessageView, ScheduledMessage } from '../contract';
import { currentDetails, endingOf } from './wording';

/** The message as it stands in this run, shared by the sleep, the delivery and the commands. */
export interface Standing {
  message(): ScheduledMessage;
  ended(): Decision | undefined;
  held(): void;
  /** Takes the ledger's word on the present cycle: the message ends, or goes on with its next cycle. */
  obey(decision: Decision): void;
  /** Notes a command that cannot be obeyed; it never stops the message. */
  refuse(why: string): void;
  view(): MessageView;
}

/** Stands a message up at its posted cycle. Every change shows in the Web UI's current details. */
export function standAt(posted: ScheduledMessage): Standing {
  let message = posted;
  let ended: Decision | undefined;
  let state: MessageView['state'] = 'waiting';
  const refused: string[] = [];

  const view = (): MessageView => ({
    message,
    state: ended ? 'ended' : state,
    ending: ended && endingOf(ended),
    refusals: refused.length,
    lastRefusal: refused.at(-1),
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
      if (decision.next) message = { ...message, ...decision.next };
      else ended = decision;
      show();
    },
    refuse(why) {
      refused.push(why);
      log.warn('refused a command', { why });
      show();
    },
  };
}
