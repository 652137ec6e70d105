import type { Payload } from '@temporalio/common';
import {
  decodeSearchAttributes,
  decodeTypedSearchAttributes,
} from '@temporalio/common/lib/converter/payload-search-attributes';
import { maybeGetActivator } from '@temporalio/workflow/lib/global-attributes';

/**
 * Keeps from the SDK what it cannot read of a start. The server stores search attributes that the SDK cannot decode, as
 * a nil of the Go SDK, and failures that are none. The SDK would throw before the workflow's first line, and the task
 * would be retried without end. The SDK has no setting for it, so this run's own initialisation is wrapped.
 */
export function keepUnreadableFromStart(): void {
  const activator = maybeGetActivator();
  // Outside of the sandbox there is none.
  if (!activator) return;
  const initialize = activator.initializeWorkflow.bind(activator);
  activator.initializeWorkflow = (start) =>
    initialize({
      ...start,
      searchAttributes: { indexedFields: readableOf(start.searchAttributes?.indexedFields ?? {}) },
      // Of a run before this one, in the server's own words. The workflow asks for neither.
      continuedFailure: undefined,
      lastCompletionResult: undefined,
    } as typeof start);
}

const readableOf = (fields: Record<string, Payload>): Record<string, Payload> =>
  Object.fromEntries(Object.entries(fields).filter((field) => isReadable(Object.fromEntries([field]))));

function isReadable(field: Record<string, Payload>): boolean {
  try {
    decodeSearchAttributes(field);
    decodeTypedSearchAttributes(field);
    return true;
  } catch {
    return false;
  }
}
