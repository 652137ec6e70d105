/** The ways to post that are compared, by the names that the results give them. */
export const FORMS = {
  direct: 'schedule() in TypeScript',
  single: 'POST /v1/messages',
  idempotent: 'POST /v1/messages, Idempotency-Key',
  batch: 'POST /v1/messages:batch',
};

export const TENANT = 'bench';
