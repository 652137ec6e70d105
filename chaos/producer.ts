import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { createPool } from '../src/database';
import { createPaymentRequests } from '../src/payment-requests/requests';
import { type DiaryLine, readLines, writeLine } from './diary';
import type { Plan, PlannedRequest } from './plan';

/**
 * Service A as a program that may be killed at any moment: does its part of the plan, and writes down what it tries and
 * what it is told. Started again it goes on where it was, and repeats whatever it has no answer for.
 */
async function main(): Promise<void> {
  const [planFile, number, startedAt, diary] = process.argv.slice(2) as [string, string, string, string];
  const plan = JSON.parse(readFileSync(planFile, 'utf8')) as Plan;
  const pool = createPool(process.env.DATABASE_URL as string, { connections: 10, onError: () => undefined });
  const service = createPaymentRequests({ pool });
  const known = new Map(
    readLines<DiaryLine>(diary)
      .filter(({ phase }) => phase === 'ok')
      .map((line) => [`${line.op} ${line.id}`, line]),
  );
  process.stdout.write('producer is running\n');

  async function attempt(id: string, op: string, work: () => Promise<{ result: string; status?: string }>) {
    // An answer is an answer; what has none is repeated until it has one.
    for (let tries = 0; !known.has(`${op} ${id}`); tries += 1) {
      writeLine(diary, { at: Date.now(), id, op, phase: 'invoke' });
      try {
        const { result, status } = await work();
        const line: DiaryLine = { at: Date.now(), id, op, phase: 'ok', result, status };
        writeLine(diary, line);
        known.set(`${op} ${id}`, line);
      } catch (error) {
        writeLine(diary, { at: Date.now(), id, op, phase: 'info', result: (error as Error).message.slice(0, 200) });
        await pause(Math.min(5_000, 200 * 2 ** tries));
      }
    }
  }

  const zero = Number(startedAt);
  const people = { payer: 'Doe', payee: 'John', amount: '1.00', currency: 'EUR' };
  async function play({ atMs, id, dueInMs, command }: PlannedRequest): Promise<void> {
    await pause(Math.max(0, zero + atMs - Date.now()));
    const ref = { tenant: 'chaos', id };
    const dueAt = zero + atMs + dueInMs;
    await attempt(id, 'request', () => service.request({ ...ref, ...people }, dueAt));
    if (!command) return;
    await pause(Math.max(0, zero + atMs + command.atMs - Date.now()));
    const later = dueAt + (command.byMs ?? 0);
    const commands = {
      pay: () => service.pay(ref),
      cancel: () => service.cancel(ref),
      extend: () => service.extend(ref, later),
    };
    await attempt(id, command.what, commands[command.what]);
  }

  await Promise.all((plan.requests[Number(number)] ?? []).map(play));
  process.stdout.write('producer has done its part\n');
  await pool.end();
  // Stays, or whoever watches over it would start it again.
  setInterval(() => undefined, 60_000);
}

void main();
