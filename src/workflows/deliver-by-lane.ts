import type { Delivery, InLane, LedgerActivities } from '../message/contract';
import type { Decision } from '../message/decision';

// Rules change a few times at most while a message is held. If workers disagree about the rules, the message must still
// reach stable in the end.
const MAX_LANES = 5;

/**
 * Delivers a message through the lane that the topic's rules name when it wakes. The rules are in the database, which a
 * workflow cannot read, and they may change while the message is held. Stable's workers therefore always get the
 * delivery first: they land the message, or answer with the name of its lane. That lane's task queue gets it next. After
 * any failure in the lane the delivery returns to stable, which lands the message or already knows the decision.
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
    // The lane's name is all that stable needs. The database has the reason of the failure, and counts it.
    const landed = await deliverIn(lane)({ ...delivery, knowsLanes: true }).catch(() => undefined);
    if (landed && !isInLane(landed)) return landed;
    // If the lane gave the message up because the rules changed, stable looks the lane up again. If the lane failed at
    // it, stable lands it.
    cameBackFrom = landed && lanes < MAX_LANES ? undefined : lane;
  }
}

const isInLane = (answer: Decision | InLane): answer is InLane => 'lane' in answer;
