import type { Story } from './stories';

/** Who can win, of two rivals and the expiry that each of them races with. */
export const WINNERS = ['cancel', 'expiry against cancel', 'expiry against pay', 'pay'];

/** True until each of them has won once; chance decides, so `most` is by far more races than it ever takes. */
export const someoneHasNotWon = (split: Record<string, number>, { raced, most }: Record<'raced' | 'most', number>) =>
  raced < most && WINNERS.some((who) => split[who] === undefined);

/** A rival that comes at any moment of this span, in ms from the due time, and learns from who has won. */
export function createRival(name: Story['rival'], [fromMs, toMs]: [number, number]) {
  const spanMs = toMs - fromMs;
  let shiftMs = 0;
  return {
    name,
    /** The earliest that it comes, in ms before the due time. */
    aheadMs: () => -(shiftMs + fromMs),
    comesAt: (dueAt: number) => dueAt + shiftMs + fromMs + Math.random() * spanMs,
    /** After a round in which it has won nothing it comes earlier, and after one in which it has won all, later. */
    learn(stories: Story[]) {
      const own = stories.filter(({ rival }) => rival === name);
      if (own.every(({ won }) => !won)) shiftMs -= spanMs / 2;
      if (own.every(({ won }) => won)) shiftMs += spanMs / 2;
    },
  };
}
