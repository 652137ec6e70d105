import { setTimeout as pause } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import { errorNames } from '../../message/contract';
import type { AfterLandings } from '../../platform/loops/after-landings';
import { readThrown } from '../../platform/telemetry/thrown';
import type { HeldMessages } from '../held/held-messages';
import { createResultPacer } from '../landing/result-pacer';
import { handedBack, retryLater, waitForPlaceMs } from './retry-later';

// A lane's name is reported to eight runs at a time, the smallest window: two cores carry that beside wakes. No landing
// waits for it.
const LANE_NAMES_EVERY_MS = 300;

/** Answers the attempts of a message when the message has ended here. `backlog`: how many decisions are not reported yet. */
export function answerAttempts(messages: Pick<HeldMessages, 'on'>, landingsOver: AfterLandings): { backlog(): number } {
  const decisions = createResultPacer(landingsOver);
  // Paced apart from decisions: their runs close after the report, these runs go on and would hold decisions up.
  const laneNames = createResultPacer(landingsOver);

  messages.on('settled', ({ attempts, delivery }, settlement) => {
    const rejectAll = (error: unknown) => {
      for (const attempt of attempts) attempt.reject(error);
    };
    switch (settlement.kind) {
      case 'decided': {
        const { decision } = settlement;
        return decisions.add(attempts.map((attempt) => ({ ...attempt, report: () => attempt.resolve(decision) })));
      }
      case 'left': {
        const { lane } = settlement;
        const runClosed = () => pause(LANE_NAMES_EVERY_MS);
        return laneNames.add(
          attempts.map((attempt) => ({ ...attempt, runClosed, report: () => attempt.resolve({ lane }) })),
        );
      }
      case 'failed':
        // Temporal's SDK ends the worker at an error that it cannot convert, and obeys retry options that an error carries.
        return rejectAll(readThrown(settlement.error));
      case 'handedBack':
        return rejectAll(handedBack(delivery, settlement.inMs));
      case 'commandWaits':
        return rejectAll(retryLater(errorNames.handedBack, waitForPlaceMs(delivery, 0)));
      case 'madeRoom':
        return rejectAll(retryLater(errorNames.handedBack, waitForPlaceMs(delivery, settlement.inMs)));
      case 'laneFailed':
        // Not to be retried in this lane: the workflow turns to stable.
        return rejectAll(ApplicationFailure.nonRetryable(`${settlement.lane} did not land it`, errorNames.laneFailed));
      default:
        settlement satisfies never;
    }
  });

  return { backlog: decisions.backlog };
}
