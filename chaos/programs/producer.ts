import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { createPaymentRequests } from '../../app/payment-requests/requests';
import { cancel, move, schedule } from '../../src/client';
import { createPool } from '../../src/platform/database/pool';
import { TENANT } from '../checks/evidence';
import type { Plan, PlannedBeat, PlannedRequest } from '../plan/plan';
import { BEAT_EVERY_SECONDS, BEATS, beat } from './beat';
import { type DiaryLine, type Operation, readLines, writeLine } from './diary';

const PEOPLE = { payer: 'Doe', payee: 'John', amount: '1.00', currency: 'EUR' };

/**
 * Service A as a program that may be killed at any moment. It does its part of the plan, and records what it tries and
 * what it is answered. After a restart it goes on where it was, and repeats each call without a definite answer.
 */
async function main(): Promise<void> {
  const [planFile, number, startedAt, diary] = process.argv.slice(2) as [string, string, string, string];
  const plan = JSON.parse(readFileSync(planFile, 'utf8')) as Plan;
  const zero = Number(startedAt);
  const pool = createPool(process.env.DATABASE_URL as string, { connections: 10, onError: () => undefined });
  const connection = Connection.lazy({ address: process.env.TEMPORAL_ADDRESS as string });
  const client = new Client({ connection });
  const service = createPaymentRequests({ pool });
  const attempt = attemptsIn(diary);
  process.stdout.write('producer is running\n');

  async function playRequest({ atMs, id, dueInMs, command }: PlannedRequest): Promise<void> {
    const ref = { tenant: TENANT, id };
    const postAt = zero + atMs;
    await until(postAt);
    await attempt(id, 'request', () => service.request({ ...ref, ...PEOPLE }, postAt + dueInMs));
    if (!command) return;
    await until(postAt + command.atMs);
    const commands = {
      pay: () => service.pay(ref),
      cancel: () => service.cancel(ref),
      extend: () => service.extend(ref, postAt + dueInMs + command.byMs),
    };
    await attempt(id, command.what, commands[command.what]);
  }

  async function playBeat({ atMs, id, dueInMs, temper, command }: PlannedBeat): Promise<void> {
    const ref = { tenant: TENANT, key: id };
    const message = { topic: beat.name, ...ref };
    const postAt = zero + atMs;
    const dueAt = postAt + dueInMs;
    // What was missed while everything was down comes all the same, so that the beats can be counted.
    const repeat = { every: `PT${BEAT_EVERY_SECONDS}S`, maxCycles: BEATS, missed: 'all' as const };
    await until(postAt);
    await attempt(id, 'schedule', () =>
      schedule(client, { topic: beat, ...ref, dueAt, payload: { temper }, repeat }, { commandId: `post:${id}` }),
    );
    if (!command) return;
    await until(postAt + command.atMs);
    const later = dueAt + command.byMs;
    if (command.what === 'cancel') {
      await attempt(id, 'cancelBeat', () => cancel(client, message, { commandId: `cancel:${id}` }));
    } else {
      await attempt(id, 'moveBeat', () => move(client, message, { dueAt: later, commandId: `move:${id}` }));
    }
  }

  const mine = plan.producers[Number(number)];
  await Promise.all([...(mine?.requests.map(playRequest) ?? []), ...(mine?.beats.map(playBeat) ?? [])]);
  process.stdout.write('producer has done its part\n');
  await pool.end();
  await connection.close();
  // It stays alive, or its supervisor would start it again.
  setInterval(() => undefined, 60_000);
}

const until = (at: number) => pause(Math.max(0, at - Date.now()));

/** Does something until there is a definite answer, over the death of this program as well. */
function attemptsIn(diary: string) {
  const known = new Set(
    readLines<DiaryLine>(diary)
      .filter(({ phase }) => phase === 'ok')
      .map(({ op, id }) => `${op} ${id}`),
  );
  return async (id: string, op: Operation, work: () => Promise<DiaryLine['answer']>): Promise<void> => {
    const write = (line: Omit<DiaryLine, 'at' | 'id' | 'op'>) => writeLine(diary, { at: Date.now(), id, op, ...line });
    for (let tries = 0; !known.has(`${op} ${id}`); tries += 1) {
      write({ phase: 'invoke' });
      try {
        const answer = await work();
        const definite = answer?.result !== 'requested' || op === 'request';
        write({ phase: definite ? 'ok' : 'info', answer });
        if (definite) known.add(`${op} ${id}`);
      } catch (error) {
        write({ phase: 'info', why: (error as Error).message.slice(0, 200) });
      }
      if (!known.has(`${op} ${id}`)) await pause(Math.min(5_000, 200 * 2 ** tries));
    }
  };
}

void main();
