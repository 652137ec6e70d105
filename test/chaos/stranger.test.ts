import { planOf } from '../../chaos/plan/plan';
import { STRANGE_ACTS } from '../../chaos/plan/stranger-plan';
import { runLocal, useFolder } from '../support/local-process';

const folder = useFolder();
const [SEED, MINUTES] = [7, 0.6];

it('the plan has the stranger do each odd thing at least once', () => {
  const acts = planOf(SEED, MINUTES).faults.flatMap((fault) => (fault.kind === 'stranger' ? [fault.act] : []));
  expect([...new Set(acts)].sort()).toEqual([...STRANGE_ACTS].sort());
});

it('a stranger who does all of it beside the others is not felt by them: everything is sound', async () => {
  const args = ['--stranger', '--minutes', String(MINUTES), '--seed', String(SEED), '--liveness-seconds', '180'];
  const chaos = runLocal('chaos/run.ts', { args, env: { TMPDIR: folder.path } });
  const exitCode = await chaos.exitCode;
  expect({ exitCode, printed: chaos.printed() }).toMatchObject({ exitCode: 0 });
  // The control: the system took what the stranger did.
  const [, done] = /"strange": \{\s*"done": (\d+)/.exec(chaos.printed()) ?? [];
  expect(Number(done)).toBeGreaterThanOrEqual(STRANGE_ACTS.length - 2);
}, 600_000);
