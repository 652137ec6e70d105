// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are pieces of source code

import type { Mutant } from '../mutants';

/** About what is kept: audit, seals, retention, redrives. */
export const records: Mutant[] = [
  {
    name: 'the audit takes the decision on another message for the one that explains an effect',
    file: 'src/operating/audit/differences.ts',
    find: ' and one.key = business.key',
    replace: '',
    tests: ['test/operating/audit/audit.test.ts'],
  },
  {
    name: 'the audit takes any decision for the one that explains an effect',
    file: 'src/operating/audit/differences.ts',
    find: "and one.outcome = 'delivered' and one.next_cycle",
    replace: 'and one.next_cycle',
    tests: ['test/operating/audit/audit.test.ts'],
  },
  {
    name: 'the audit takes the decision on another cycle for that of an event',
    file: 'src/operating/audit/differences.ts',
    find: " and cycle::text = payload->>'cycle')",
    replace: ')',
    tests: ['test/operating/audit/audit.test.ts'],
  },
  {
    name: 'the audit does not count what was announced as posted',
    file: 'src/operating/audit/conservation.ts',
    find: "union all select tenant, 'posted' from announced join known using (tenant, key)",
    replace: '',
    tests: ['test/operating/audit/audit.test.ts'],
  },
  {
    name: 'a seal forgets the one before',
    file: 'src/delivery/ledger/seals.ts',
    find: "createHash('sha256').update(before)",
    replace: "createHash('sha256').update(FIRST_HASH)",
    tests: ['test/delivery/ledger/seals.test.ts'],
  },
  {
    name: 'a seal forgets a column',
    file: 'src/delivery/ledger/seals.ts',
    find: 'reason, command_id, post_id)::text',
    replace: 'command_id, post_id)::text',
    tests: ['test/delivery/ledger/seals.test.ts'],
  },
  {
    name: 'the verification of seals only counts the decisions',
    file: 'src/delivery/ledger/seals.ts',
    find: 'if (found.hash !== hash)',
    replace: 'if (found.decisions !== decisions)',
    tests: ['test/delivery/ledger/seals.test.ts'],
  },
  {
    name: 'retention removes what a consumer has still to read',
    file: 'src/maintenance/event-needs.ts',
    find: "on: 'reader.position < event.position'",
    replace: "on: 'false'",
    tests: ['test/maintenance/retention.test.ts'],
  },
  {
    name: 'retention removes a decision whose row still waits',
    file: 'src/maintenance/prune.ts',
    find: '          and not ${stillWaits}\n',
    replace: '',
    tests: ['test/maintenance/retention.test.ts'],
  },
  {
    name: 'retention removes decisions on a message that goes on',
    file: 'src/maintenance/prune.ts',
    find: 'where topic = $1 and next_cycle is null and decided_at',
    replace: 'where topic = $1 and decided_at',
    tests: ['test/maintenance/retention.test.ts'],
  },
  {
    name: 'retention does not note down what it has removed',
    file: 'src/maintenance/prune.ts',
    find: "await recordRetention(db, 'ledger', days);",
    replace: '',
    tests: ['test/maintenance/retention.test.ts'],
  },
  {
    name: 'a redrive uses the failed cycle again',
    file: 'src/operating/redrive/redrive.ts',
    find: '({ topic, tenant, key, cycle, dueAt',
    replace: '({ topic, tenant, key, cycle: failed.cycle, dueAt',
    tests: ['test/operating/redrive/redrive.test.ts'],
  },
  {
    name: 'a redrive is made before it is written down',
    file: 'src/operating/redrive/redrive.ts',
    find: '  const { rows } = await pool.query<{ redriven_at: Date }>(',
    replace:
      '  await schedule(client, { topic, tenant, key, cycle, dueAt: Date.now(), ...message } as never, { commandId: `redrive:${cycle}` });\n  const { rows } = await pool.query<{ redriven_at: Date }>(',
    tests: ['test/operating/redrive/redrive.test.ts'],
  },
  {
    name: 'what was redriven with success is found as failed',
    file: 'src/operating/redrive/failed.ts',
    find: 'and later.cycle > failed.cycle',
    replace: 'and later.cycle < failed.cycle',
    tests: ['test/operating/redrive/redrive.test.ts'],
  },
];
