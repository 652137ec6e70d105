import { endsTransaction } from '../../../src/platform/database/lent-transaction';

it('a text that ends its transaction is refused however often it comes, and one that does not never is', () => {
  const ending = ['commit', 'select 1; end', "prepare transaction 'x'"];
  const harmless = ["select 'commit; end'", 'select case when true then 1 end', 'rollback to savepoint mine'];
  const judgeAll = () => [...ending, ...harmless].map(endsTransaction);
  const verdicts = [...ending.map(() => true), ...harmless.map(() => false)];
  expect(judgeAll()).toEqual(verdicts);
  expect(judgeAll()).toEqual(verdicts);
  // As many other texts as a handler has that writes its values into them, and long ones.
  for (let other = 0; other < 1_000; other += 1) {
    expect(endsTransaction(`select case when ${other} > 1 then 1 end`)).toBe(false);
    expect(endsTransaction(`select ${other}; commit`)).toBe(true);
  }
  const long = `/* ${'x'.repeat(10_000)} */`;
  expect([endsTransaction(`${long} commit`), endsTransaction(`${long} select '; end'`)]).toEqual([true, false]);
  expect([endsTransaction(`${long} commit`), endsTransaction(`${long} select '; end'`)]).toEqual([true, false]);
  expect(judgeAll()).toEqual(verdicts);
});
