import { setTimeout as pause } from 'node:timers/promises';

// A busy server leaves a call unanswered for ten seconds. Five of those in a row are no longer a matter of being busy.
const TRIES = 5;
const PAUSE_MS = 1_000;

/** Makes a call again that fails, as a producer does, whose repeated call is the same command. Fails with the last failure. */
export async function untilAnswered<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (tries === TRIES) throw error;
    }
    await pause(PAUSE_MS);
  }
}
