import type { Pool } from 'pg';
import { byTimeOfPost, postInWindow, postTimes } from '../../bench/burst/posting';
import { untilAnswered } from '../../bench/harness/until-answered';

it('the posts of a window are evenly spread over it, from its beginning to right before the due time', () => {
  const times = postTimes({ dueAt: 100_000, windowMs: 30_000, count: 6 });
  expect(times).toEqual([70_000, 75_000, 80_000, 85_000, 90_000, 95_000]);
});

it('each row is committed before the post of its message, and a message counts as posted when the post is answered', async () => {
  const seen: string[] = [];
  const pool = {
    query: async (_: string, [id]: [string]) => {
      await new Promise(setImmediate);
      seen.push(`row ${id}`);
    },
  } as unknown as Pool;
  const started = {
    arm: async () => void seen.push('armed'),
    post: async ({ id }: { id: string }) => void seen.push(`post ${id}`),
  };
  const dueAt = Date.now() + 300;
  const { postedAt } = await postInWindow(started, { pool, run: 'r', messages: 3, dueAt, windowMs: 200 });
  expect(seen[0]).toBe('armed');
  for (const id of ['r.000001', 'r.000002', 'r.000003']) {
    expect(seen.indexOf(`row ${id}`)).toBeGreaterThan(0);
    expect(seen.indexOf(`post ${id}`)).toBeGreaterThan(seen.indexOf(`row ${id}`));
    expect(postedAt?.get(id)).toEqual(expect.any(Number));
  }
});

it('a post that fails for good fails the attempt', async () => {
  const pool = { query: async () => undefined } as unknown as Pool;
  const post = async () => {
    throw new Error('refused');
  };
  const wanted = { pool, run: 'r', messages: 2, dueAt: Date.now() + 20, windowMs: 10 };
  await expect(postInWindow({ post }, wanted)).rejects.toThrow('refused');
});

it('lateness is told apart by whether a message was posted three seconds before it was due', () => {
  const latenessMs = new Map([
    ['exactly', 10],
    ['before', 20],
    ['later', 300],
    ['after', 5_000],
    // Landed, although its producer never had an answer.
    ['unanswered', 4_000],
  ]);
  const postedAt = new Map([
    ['exactly', 97_000],
    ['before', 80_000],
    ['later', 97_001],
    ['after', 100_001],
  ]);
  expect(byTimeOfPost(latenessMs, postedAt, 100_000)).toMatchObject({
    longBeforeMs: 3_000,
    longBefore: { messages: 2, latenessMs: { p50: 10, max: 20 } },
    later: { messages: 3, latenessMs: { p50: 4_000, max: 5_000 } },
    answeredAfterDue: 1,
  });
});

it('a call that fails is made again, and its last failure is told', async () => {
  let calls = 0;
  const answered = untilAnswered(async () => {
    calls += 1;
    if (calls < 2) throw new Error('no answer');
    return 'there';
  });
  expect(await answered).toBe('there');
  expect(calls).toBe(2);
});
