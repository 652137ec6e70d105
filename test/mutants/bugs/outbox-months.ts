// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are pieces of source code

import type { Mutant } from '../mutants';

const months = 'src/maintenance/outbox-months.ts';
const migration = 'src/platform/database/migrations/0043-outbox-months.ts';
const tests = ['test/maintenance/outbox-months.test.ts'];
const upgrade = ['test/platform/database/outbox-months.test.ts'];

/** About the months of the outbox. */
export const outboxMonths: Mutant[] = [
  {
    name: 'a month goes though a reader has come back to it',
    file: months,
    find: 'if ((await whyNeeded(tx, table, MAY_COME_BACK)).length > 0) return false;',
    replace: '',
    tests,
  },
  {
    name: 'a month goes though something keeps it',
    file: months,
    find: 'if (why?.length !== 0) continue;',
    replace: 'if (why === undefined) continue;',
    tests,
  },
  {
    name: 'landings fall apart while a month cannot be dropped',
    file: months,
    find: 'const LOCK_TIMEOUT_MS = 200;',
    replace: 'const LOCK_TIMEOUT_MS = 5_000;',
    tests,
  },
  {
    name: 'a month that will be dropped is removed row by row first',
    file: 'src/maintenance/prune.ts',
    find: 'return isPast && (await whyKept(db, table, before)).length > 0;',
    replace: 'return isPast;',
    tests,
  },
  {
    name: 'the relay looks for its events in each month',
    file: 'src/events/relay.ts',
    find: ` and outbox.appended_at = batch.appended_at
     and outbox.position is null and outbox.seq <= (select max(seq) from batch)`,
    replace: '',
    tests,
  },
  {
    name: 'an event in no month is seen by no doctor',
    file: 'src/operating/doctor/outbox-months.ts',
    find: '...(outside > 0 ? [`${many} events are in no month`] : []),',
    replace: '',
    tests,
  },
  {
    name: 'the upgrade reads the outbox under a lock',
    file: 'src/platform/database/migrations/0042-outbox-before-months.ts',
    find: 'alter table postdate.outbox validate constraint outbox_before_months',
    replace: 'select 1',
    tests: upgrade,
  },
  {
    name: 'a publication of the outbox misses the new events',
    file: migration,
    find: "execute format('alter publication %I add table postdate.outbox', published.pubname);",
    replace: 'null;',
    tests: upgrade,
  },
  {
    name: 'the upgrade takes the rights to the outbox away',
    file: migration,
    find: "execute format('grant %s on postdate.outbox to %s%s', granted.what, granted.role, granted.more);",
    replace: 'null;',
    tests: upgrade,
  },
];
