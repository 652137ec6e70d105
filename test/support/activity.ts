import { MockActivityEnvironment } from '@temporalio/testing';
import { quietLogger } from './quiet-runtime';

/** Runs a real activity in a context like a worker's. */
export const runActivity = <Input, Result>(
  activity: (input: Input) => Promise<Result>,
  input: Input,
): Promise<Result> => new MockActivityEnvironment({}, { logger: quietLogger }).run(activity, input);
