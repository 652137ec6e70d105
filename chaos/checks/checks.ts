import type { Plan } from '../plan/plan';
import { beatChecks } from './beats';
import type { Evidence } from './evidence';
import { generalChecks } from './general';
import { requestChecks } from './requests';
import { type Violation, violationsOf } from './violation';

/** What a run has broken, by the numbers of the invariants. */
export const violationsIn = (evidence: Evidence, plan: Plan): Violation[] => [
  ...violationsOf(requestChecks, evidence),
  ...violationsOf(beatChecks, { ...evidence, planned: plan.producers.flatMap(({ beats }) => beats) }),
  ...violationsOf(generalChecks, evidence),
];
