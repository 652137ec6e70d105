import { upsertMemo } from '@temporalio/workflow';
import { type CarriedMessage, scheduledMessage as unchanged } from '../../src/workflows/scheduled-message';

/** The workflow with a command that no recorded history has, before everything else. */
export function scheduledMessage(carried: CarriedMessage): ReturnType<typeof unchanged> {
  upsertMemo({ changed: true });
  return unchanged(carried);
}
