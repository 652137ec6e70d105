import { AsyncLocalStorage } from 'node:async_hooks';
import type { MessageRef } from '../../message/contract';

/** The kinds of code that an installation brings along. `process` stands for Postdate's own code. */
export const CODE_PARTS = ['handler', 'upcast', 'schema', 'consumer', 'route', 'process'] as const;

/** Which code of an installation runs, and for which message, as far as that is known. */
export interface ForeignCode extends Partial<MessageRef & { cycle: number }> {
  part: Exclude<(typeof CODE_PARTS)[number], 'process'>;
  /** Of a consumer or a route. */
  name?: string;
}

const running = new AsyncLocalStorage<ForeignCode>();

/** Runs code of an installation. What it leaves behind, as a timer or a promise, is known as its own for as long as it lives. */
export const runForeign = <Result>(code: ForeignCode, run: () => Result): Result => running.run(code, run);

/** The code of an installation that has led to this call; undefined for Postdate's own. */
export const foreignCode = (): ForeignCode | undefined => running.getStore();
