import { ServiceError, WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { problemOf } from '../../src/http/problems';
import { MessageError } from '../../src/message/admission';

const withCode = (code: string, message = 'x') => Object.assign(new Error(message), { code });

it.each<[string, Error]>([
  ['Temporal', new ServiceError('x')],
  ['an update that Temporal broke off', new WorkflowUpdateFailedError('x', new Error('y'))],
  ['a refused connection', withCode('ECONNREFUSED')],
  ['a database that shuts down', withCode('57P01')],
  ['too many connections', withCode('53300')],
  ['a full disk', withCode('53100')],
  ['a standby', withCode('25006')],
  ['a statement that took too long', withCode('57014')],
  ['a pool without a free connection', new Error('timeout exceeded when trying to connect')],
  ['a broken connection', new Error('Connection terminated unexpectedly')],
])('%s is away, not broken: 503', (_what, error) => {
  expect(problemOf(error)).toMatchObject({ status: 503, code: 'unavailable' });
});

it.each<[string, Error]>([
  ['a mistake in SQL', withCode('42601', 'syntax error at or near "secret"')],
  ['a value that the database refuses', withCode('22008', 'secret')],
  ['a mistake in code', new TypeError("Cannot read properties of undefined (reading 'secret')")],
])('%s is a fault of ours, of which nothing is told: 500', (_what, error) => {
  expect(problemOf(error)).toMatchObject({ status: 500, code: 'internal' });
  expect(JSON.stringify(problemOf(error))).not.toContain('secret');
});

it('input that is refused is told by code and field, whoever refused it', () => {
  const refusal = { code: 'dueAtTooFar', field: 'dueAt', message: 'must be at most 20 years ahead' } as const;
  const told = { status: 400, code: 'dueAtTooFar', field: 'dueAt' };
  expect(problemOf(new MessageError(refusal))).toMatchObject(told);
  const failure = ApplicationFailure.nonRetryable('x', 'PostdateInvalidMessage', refusal);
  expect(problemOf(new WorkflowUpdateFailedError('x', failure))).toMatchObject(told);
});
