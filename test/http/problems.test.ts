import {
  NamespaceNotFoundError,
  ServiceError,
  WorkflowContinuedAsNewError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { DatabaseError } from 'pg';
import { problemOf } from '../../src/http/problems';
import { MessageError } from '../../src/message/admission';

const ofDatabase = (code: string) => Object.assign(new DatabaseError('x', 1, 'error'), { code });
const withCode = (code: string, message = 'x') => Object.assign(new Error(message), { code });

it.each<[string, Error]>([
  ['Temporal', new ServiceError('x')],
  ['an update that Temporal broke off', new WorkflowUpdateFailedError('x', new Error('y'))],
  ['an update whose call ran out of time', new WorkflowUpdateRPCTimeoutOrCancelledError('x')],
  ['a start that finds nothing', new WorkflowNotFoundError('x', 'id', undefined)],
  ['a namespace that a part of the server does not know yet', new NamespaceNotFoundError('x')],
  ['a run that went on', new WorkflowContinuedAsNewError('x', 'run')],
  ["gRPC's own error", Object.assign(new Error('14 UNAVAILABLE'), { code: 14, details: 'x', metadata: {} })],
  ['a deadlock', ofDatabase('40P01')],
  ['a serialization failure', ofDatabase('40001')],
  ['a lock that was not free in time', ofDatabase('55P03')],
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

it.each<[string, unknown]>([
  ['null', null],
  ['undefined', undefined],
  ['a text', 'secret'],
  ['a foreign status', Object.assign(new Error('secret'), { statusCode: 404, code: 'E_SECRET' })],
  ["fastify's status on what is no error", { statusCode: 404, code: 'FST_ERR_SECRET', message: 'secret' }],
  [
    'a getter that throws',
    Object.defineProperty(new Error(), 'code', {
      get: () => {
        throw new Error('secret');
      },
    }),
  ],
  ['an answer of a workflow that is no refusal', new WorkflowUpdateFailedError('x', undefined)],
])('%s that is thrown has a problem, of which nothing is told', (_what, thrown) => {
  const said = problemOf(thrown);
  expect([500, 503]).toContain(said.status);
  expect(JSON.stringify(said)).not.toContain('secret');
});

it.each<[string, unknown[]]>([
  ['without details', []],
  ['with null', [null]],
  ['with numbers', [{ code: 7, field: 'dueAt', message: 'x' }]],
])('a refusal by a workflow of another release, %s, is none: the result is not known', (_what, details) => {
  const failure = ApplicationFailure.nonRetryable('x', 'PostdateInvalidMessage', ...details);
  expect(problemOf(new WorkflowUpdateFailedError('x', failure))).toMatchObject({ status: 503 });
});

it('input that is refused is told by code and field, whoever refused it', () => {
  const refusal = { code: 'dueAtTooFar', field: 'dueAt', message: 'must be at most 20 years ahead' } as const;
  const told = { status: 400, code: 'dueAtTooFar', field: 'dueAt' };
  expect(problemOf(new MessageError(refusal))).toMatchObject(told);
  const failure = ApplicationFailure.nonRetryable('x', 'PostdateInvalidMessage', refusal);
  expect(problemOf(new WorkflowUpdateFailedError('x', failure))).toMatchObject(told);
});
