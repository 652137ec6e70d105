import { afterLandings } from '../../../src/platform/loops/after-landings';

it('waits for the landings, and no longer than a moment for a worker that never stops landing', async () => {
  let groups = 1;
  let over = false;
  const waited = afterLandings(() => groups > 0)().then(() => {
    over = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(over).toBe(false);
  groups = 0;
  await waited;
  await afterLandings(() => true)();
});
