/** A sequence that once failed: seed and path as fast-check printed them, the path up to its first colon. */
interface Failed {
  seed: number;
  path: string;
}

/** Every sequence that ever failed, whether the fault was the product's or the model's. None is ever taken out. */
export const failedBefore: Record<'ledger' | 'workflow', Failed[]> = {
  ledger: [],
  // The model's ledger took the commands of two messages for one, as both had the same id.
  workflow: [{ seed: 230724082, path: '5' }],
};
