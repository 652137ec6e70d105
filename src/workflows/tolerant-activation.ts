import type { Payload } from '@temporalio/common';
import {
  decodeSearchAttributes,
  decodeTypedSearchAttributes,
} from '@temporalio/common/lib/converter/payload-search-attributes';
import { maybeGetActivator } from '@temporalio/workflow/lib/global-attributes';

// The SDK keeps names with this beginning for itself, and throws at a signal of such a name.
const RESERVED = '__temporal_';

/**
 * Keeps from the SDK what it cannot take, and any client can send: search attributes that it cannot decode, as a nil of
 * the Go SDK, a failure that is none, a signal by a reserved name. The SDK would throw outside of the workflow's code,
 * and the task would be retried without end. It has no setting for that, so this run's own two methods are wrapped.
 */
export function tolerateActivations(): void {
  const activator = maybeGetActivator();
  // Outside of the sandbox there is none.
  if (!activator) return;
  const initialize = activator.initializeWorkflow.bind(activator);
  activator.initializeWorkflow = (start) =>
    initialize({
      ...start,
      searchAttributes: { indexedFields: readableOf(start.searchAttributes?.indexedFields ?? {}) },
      // Of a run before this one. The workflow asks for neither.
      continuedFailure: undefined,
      lastCompletionResult: undefined,
    } as typeof start);
  const signal = activator.signalWorkflow.bind(activator);
  activator.signalWorkflow = (sent) => {
    const { signalName } = sent;
    // By another name it is an unknown signal, which is refused and counted.
    const isReserved = signalName?.startsWith(RESERVED);
    signal((isReserved ? { ...sent, signalName: `reserved: ${signalName}` } : sent) as typeof sent);
  };
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
