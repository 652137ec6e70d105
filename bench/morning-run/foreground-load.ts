import type { Pool } from 'pg';
import { nowMs, openLoop } from '../harness/open-loop';
import { requestId } from './request-rows';

export interface Load {
  /** Requests per second, half of them reads and half of them payments. */
  rate: number;
  rows: number;
  /** Half of all requests go to rows 1 … dueRows, the other half to the rest. */
  dueRows: number;
}

/** One request. `latencyMs` counts from when it was to be sent, so one that had to wait for another is not hidden. */
export interface Sample {
  kind: 'read' | 'pay';
  intendedAt: number;
  latencyMs: number;
}

const STATEMENTS = {
  read: { name: 'read', text: 'select id, status, due_at from app.request where id = $1' },
  pay: {
    name: 'pay',
    text: `update app.request set status = 'PAID' where id = $1 and status = 'PENDING'`,
  },
};

/** Reads and pays at a fixed rate until stopped. */
export function startLoad(pool: Pick<Pool, 'query'>, { rate, rows, dueRows }: Load) {
  const samples: Sample[] = [];
  const between = (first: number, last: number) => first + Math.floor(Math.random() * (last - first + 1));
  const anyRow = () => (Math.random() < 0.5 ? between(1, dueRows) : between(dueRows + 1, rows));

  const requests = openLoop({ perSecond: rate }, async (index, intendedAt) => {
    const kind = index % 2 === 0 ? 'read' : 'pay';
    await pool.query({ ...STATEMENTS[kind], values: [requestId(anyRow())] });
    samples.push({ kind, intendedAt, latencyMs: nowMs() - intendedAt });
  });

  return {
    /** Promises the samples of all requests sent since the last call, when they have been answered. */
    async taken(): Promise<Sample[]> {
      await requests.answered();
      return samples.splice(0);
    },
    stop: requests.stop,
  };
}
