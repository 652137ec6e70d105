import { answers } from './bugs/answers';
import { commands } from './bugs/commands';
import { contract } from './bugs/contract';
import { deliveries } from './bugs/deliveries';
import { harness } from './bugs/harness';
import { hold } from './bugs/hold';
import { http } from './bugs/http';
import { installations } from './bugs/installations';
import { laneGuard } from './bugs/lane-guard';
import { lanes } from './bugs/lanes';
import { lentToStrangers } from './bugs/lent';
import { log } from './bugs/log';
import { outboxMonths } from './bugs/outbox-months';
import { publishers } from './bugs/publishers';
import { records } from './bugs/records';
import { rights } from './bugs/rights';
import { strangers } from './bugs/strangers';
import { stream } from './bugs/stream';
import { sweep } from './bugs/sweep';
import { thrown } from './bugs/thrown';
import { webhooks } from './bugs/webhooks';

/** A bug that somebody could make: `find`, once in `file`, becomes `replace`, and one of `tests` must turn red. */
export interface Mutant {
  name: string;
  file: string;
  find: string;
  replace: string;
  tests: string[];
}

export const mutants: Mutant[] = [
  ...contract,
  ...deliveries,
  ...hold,
  ...lanes,
  ...laneGuard,
  ...sweep,
  ...installations,
  ...records,
  ...rights,
  ...strangers,
  ...stream,
  ...outboxMonths,
  ...publishers,
  ...webhooks,
  ...answers,
  ...lentToStrangers,
  ...log,
  ...thrown,
  ...commands,
  ...http,
  ...harness,
];
