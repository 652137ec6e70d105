import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plan } from './plan';

const CASES = join(__dirname, '..', 'cases');

export const readPlan = async (file: string): Promise<Plan> => JSON.parse(await readFile(file, 'utf8')) as Plan;

/** Keeps a plan that found something, to be played again for ever: a seed means another plan once planning has changed. */
export async function keepCase(name: string, plan: Plan): Promise<string> {
  await mkdir(CASES, { recursive: true });
  const file = join(CASES, `${name}-${plan.minutes}-minutes.json`);
  await writeFile(file, `${JSON.stringify(plan)}\n`);
  return file;
}
