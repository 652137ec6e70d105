import type { Delivery, InLane, LedgerActivities } from '../contract';
import type { Decision } from '../decision';

// Rules change a few times at most while a message is held; workers that do not agree about them must not go on for ever.
const MOST_LANES = 5;

/**
 * Has a delivery landed by whichever lane the topic's rules name when it wakes: stable's workers are asked first, and land it
 * or name the lane. Whatever goes wrong there, it is for stable again, which lands it, or knows the decision.
 */
export async function deliverByLane(
  delivery: Delivery,
  deliverIn: (lane?: string) => LedgerActivities['deliver'],
): Promise<Decision> {
  let cameBackFrom: string | undefined;
  for (let lanes = 1; ; lanes += 1) {
    const answer = await deliverIn()({ ...delivery, knowsLanes: true, cameBackFrom });
    if (!isInLane(answer)) return answer;
    const { lane } = answer;
    // Its name alone says enough: why it failed is in the database, where it is counted.
    const landed = await deliverIn(lane)({ ...delivery, knowsLanes: true }).catch(() => undefined);
    if (landed && !isInLane(landed)) return landed;
    // Given up by a lane as the rules have changed, it is asked for anew; failed by it, no more.
    cameBackFrom = landed && lanes < MOST_LANES ? undefined : lane;
  }
}

const isInLane = (answer: Decision | InLane): answer is InLane => 'lane' in answer;
