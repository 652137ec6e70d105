import { patched, upsertMemo } from '@temporalio/workflow';
import { type CarriedMessage, scheduledMessage as unchanged } from '../../src/workflows/scheduled-message';

/** The next release's workflow: a command more, as docs/changing-the-workflow.md has it, which older runs do not have. */
export function scheduledMessage(carried: CarriedMessage): ReturnType<typeof unchanged> {
  if (patched('next-release')) upsertMemo({ release: 'next' });
  return unchanged(carried);
}
