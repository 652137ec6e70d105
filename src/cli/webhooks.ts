import type { Command } from 'commander';
import { disableWebhook, enableWebhook } from '../events/webhooks/disable';
import { listWebhooks } from '../events/webhooks/list';
import { addWebhook, removeWebhook, rotateSecret, setAnswers } from '../events/webhooks/registration';
import { migrate, postdateSchema } from '../platform/database/migrate';
import { readConfig } from '../process/config';
import { printWaiting, withPool } from './connections';
import { type ExitCode, run } from './exit';
import { hours, withExample } from './options';
import { print, printJson } from './output';
import { addDeliveries, addWebhookReplay, requireWebhook } from './webhook-deliveries';
import { webhooksText } from './webhooks-text';

interface AddOptions {
  url: string;
  tenant: string;
  topic?: string[];
  type?: string[];
  answers?: boolean;
}

const HOUR_MS = 3_600_000;
// A day is enough to give a listener the new secret. Without an end, the old secret would stay valid.
const OVERLAP_HOURS = 24;

export function addWebhooks(program: Command): void {
  const webhooks = withExample(
    program
      .command('webhooks')
      .description(
        'where events are sent over HTTP: add, list, rotate, disable, enable, allow-answers, ignore-answers, deliveries, replay, remove',
      ),
    'webhooks list',
  );
  const wantsJson = () => webhooks.opts<{ json?: boolean }>().json === true;
  webhooks
    .command('add')
    .description('send events to a URL from now on, and print the secret that they are signed with, this once')
    .requiredOption('--url <url>', 'where to; https, and no private address')
    .requiredOption('--tenant <tenant>', "whose events; '*' for everybody's")
    .option('--topic <topic...>', 'of these topics only')
    .option('--type <type...>', 'of these types only')
    .option('--answers', 'take its responses to forwarded messages as answers; otherwise it only observes')
    .action((options: AddOptions) => run(add(options, wantsJson())));
  webhooks
    .command('list')
    .description('which there are, and how they are')
    .action(() => run(list(wantsJson())));
  webhooks
    .command('rotate <id>')
    .description('sign with a new secret, which is printed this once, and for a while with the old one as well')
    .option('--overlap-hours <number>', 'for so long; 0 if the old one is known to others', hours, OVERLAP_HOURS)
    .action((id: string, { overlapHours }: { overlapHours: number }) => run(rotate(id, overlapHours, wantsJson())));
  webhooks
    .command('disable <id>')
    .description('send it nothing until it is enabled; exit code 1 if it is not enabled')
    .option('--reason <text>', 'why, for the record', 'by an operator')
    .action((id: string, { reason }: { reason: string }) =>
      run(
        withPool(async (pool) => {
          await requireWebhook(pool, id);
          const disabled = await disableWebhook(pool, id, reason);
          if (wantsJson()) printJson({ id, disabled });
          else print(disabled ? `${id} is disabled` : `${id} was disabled before`);
          return disabled ? 0 : 1;
        }),
      ),
    );
  webhooks
    .command('enable <id>')
    .description('send to it again, also what has come since it was disabled; exit code 1 if it is enabled')
    .option('--from-now', 'skip what has come since, and what waited')
    .action((id: string, { fromNow }: { fromNow?: boolean }) => run(enable(id, fromNow === true, wantsJson())));
  webhooks
    .command('allow-answers <id>')
    .description('take its responses to forwarded messages as answers from now on')
    .action((id: string) => run(changeAnswers(id, true, wantsJson())));
  webhooks
    .command('ignore-answers <id>')
    .description('take its responses as receipts only: it observes, and decides nothing')
    .action((id: string) => run(changeAnswers(id, false, wantsJson())));
  addDeliveries(webhooks, wantsJson);
  addWebhookReplay(webhooks, wantsJson);
  webhooks
    .command('remove <id>')
    .description('forget it, with its secrets, its log, and what waits for it')
    .action((id: string) =>
      run(
        withPool(async (pool) => {
          await requireWebhook(pool, id);
          const removed = await removeWebhook(pool, id);
          if (wantsJson()) printJson({ id, removed });
          else print(`${id} is removed`);
          return 0;
        }),
      ),
    );
}

const add = ({ url, tenant, topic: topics, type: types, answers }: AddOptions, json: boolean): Promise<ExitCode> =>
  withPool(async (pool) => {
    const { webhooks } = readConfig(process.env);
    // The first webhook may be added before any worker has run.
    await migrate(pool, postdateSchema, { onWaiting: printWaiting });
    const added = await addWebhook(pool, { url, tenant, topics, types, answers }, webhooks);
    process.stderr.write(`webhook ${added.id}; the secret to verify with is printed this once (docs/webhooks.md)\n`);
    if (json) printJson(added);
    else print(added.secret);
    return 0;
  });

const list = (json: boolean): Promise<ExitCode> =>
  withPool(async (pool) => {
    const all = await listWebhooks(pool);
    if (json) printJson(all);
    else print(webhooksText(all));
    return 0;
  });

const changeAnswers = (id: string, answers: boolean, json: boolean): Promise<ExitCode> =>
  withPool(async (pool) => {
    await requireWebhook(pool, id);
    await setAnswers(pool, id, answers);
    if (json) printJson({ id, answers });
    else print(answers ? `${id} may answer forwarded messages` : `${id} only observes`);
    return 0;
  });

const rotate = (id: string, overlapHours: number, json: boolean): Promise<ExitCode> =>
  withPool(async (pool) => {
    await requireWebhook(pool, id);
    const secret = await rotateSecret(pool, id, { overlapMs: overlapHours * HOUR_MS });
    process.stderr.write(
      overlapHours > 0 ? `the old secret signs as well for ${overlapHours} h\n` : 'the old secret signs no more\n',
    );
    if (json) printJson({ id, secret });
    else print(secret as string);
    return 0;
  });

const enable = (id: string, fromNow: boolean, json: boolean): Promise<ExitCode> =>
  withPool(async (pool) => {
    await requireWebhook(pool, id);
    const enabled = await enableWebhook(pool, id, { fromNow });
    if (json) printJson({ id, enabled: enabled !== undefined, ...enabled });
    else if (enabled) print(`${id} is enabled; ${enabled.waiting} events wait for it, ${enabled.skipped} were skipped`);
    else print(`${id} was enabled before`);
    return enabled ? 0 : 1;
  });
