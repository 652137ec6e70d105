import type { Pool } from 'pg';
import { MessageError } from '../../src';
import {
  type Answer,
  defineRoute,
  found,
  mustSee,
  notFound,
  problem,
  type Route,
  refused,
} from '../../src/http/application-routes';
import { type Changed, createPaymentRequests, type NotChanged } from './requests';
import * as schemas from './route-schemas';
import { findRequest, type PaymentRequestRow } from './rows';

// The codes of this route's own fields. Payer, payee, amount and currency are what a payload would be.
const fieldCodes = {
  id: 'invalidKey',
  expiresAt: 'invalidDueAt',
  payer: 'invalidPayload',
  payee: 'invalidPayload',
  amount: 'invalidPayload',
  currency: 'invalidPayload',
};

/** The API's operations on payment requests: service A, for programs in other languages. */
export function paymentRequestRoutes({ pool }: { pool: Pool }): Route[] {
  const requests = createPaymentRequests({ pool });
  const path = '/v1/payment-requests';
  const known = { params: schemas.paymentRequestRef, path: `${path}/{tenant}/{id}`, fieldCodes } as const;
  const changes = { answers: { 200: schemas.changed }, conflicts: true };
  return [
    defineRoute({
      method: 'POST',
      path,
      fieldCodes,
      operationId: 'requestPayment',
      summary: 'Asks for money until expiresAt; calling again with the same id and fields changes nothing',
      body: schemas.newPaymentRequest,
      answers: { 201: schemas.changed, 200: schemas.changed },
      conflicts: true,
      async run({ caller, body: { expiresAt, ...request } }) {
        mustSee(caller, request.tenant);
        const answer = await withOwnFieldNames(requests.request(request, expiresAt));
        if (answer.result === 'differs') {
          const { field } = answer;
          return refused(problem('differs', `${field}: is another one than in the request of this id`, { field }));
        }
        const { result } = answer;
        const location = `${path}/${request.tenant}/${request.id}`;
        return { status: result === 'requested' ? 201 : 200, body: { result }, location };
      },
    }),
    defineRoute({
      ...known,
      method: 'GET',
      operationId: 'describePaymentRequest',
      summary: 'A payment request as it is now',
      answers: { 200: schemas.paymentRequestView },
      async run({ caller, params }) {
        mustSee(caller, params.tenant);
        const row = await findRequest(pool, params);
        return found(row && viewOf(row));
      },
    }),
    defineRoute({
      ...known,
      method: 'PATCH',
      operationId: 'extendPaymentRequest',
      summary: 'Gives the payer until another instant, earlier or later',
      body: schemas.extension,
      ...changes,
      async run({ caller, params, body }) {
        mustSee(caller, params.tenant);
        return answerTo(await withOwnFieldNames(requests.extend(params, body.expiresAt)));
      },
    }),
    defineRoute({
      ...known,
      path: `${known.path}/pay`,
      method: 'POST',
      operationId: 'pay',
      summary: 'Notes down that it is paid',
      ...changes,
      async run({ caller, params }) {
        mustSee(caller, params.tenant);
        return answerTo(await withOwnFieldNames(requests.pay(params)));
      },
    }),
    defineRoute({
      ...known,
      method: 'DELETE',
      operationId: 'cancelPaymentRequest',
      summary: 'Takes it back',
      ...changes,
      async run({ caller, params }) {
        mustSee(caller, params.tenant);
        return answerTo(await withOwnFieldNames(requests.cancel(params)));
      },
    }),
  ];
}

// The answer does not say how far the message's timer has followed: the row has decided.
function answerTo(said: Changed | NotChanged): Answer {
  if (said.result === 'notFound') return notFound();
  if (said.result === 'tooLate') return refused(problem('tooLate', `It is ${said.status}.`, { is: said.status }));
  return { status: 200, body: { result: said.result } };
}

const viewOf = ({ tenant, id, payer, payee, amount, currency, status, due_at, closed_at }: PaymentRequestRow) => ({
  ...{ tenant, id, payer, payee, amount, currency, status },
  expiresAt: due_at.toISOString(),
  closedAt: closed_at?.toISOString(),
});

// The message behind a request has other field names than the request.
const FIELDS: Record<string, string> = { dueAt: 'expiresAt', key: 'id' };

async function withOwnFieldNames<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof MessageError)) throw error;
    const field = FIELDS[error.field] ?? error.field;
    throw new MessageError({ code: error.code, field, message: error.message.slice(error.field.length + 2) });
  }
}
