import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nanoid } from 'nanoid';
import { onPath } from '../../../local/executables';
import { freePort } from '../../../local/ports';
import { listDeliveries } from '../../../src/events/webhooks/list';
import { addWebhook } from '../../../src/events/webhooks/registration';
import { newSecret, secretText, signedHeaders } from '../../../src/events/webhooks/signature';
import { useDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';
import { useFolder } from '../../support/local-process';
import { allEnded, emitTo, reach, startTestWebhooks } from '../../support/webhooks';

const page = readFileSync(join(__dirname, '..', '..', '..', 'docs', 'webhooks.md'), 'utf8');
const database = useDatabase();
const folder = useFolder();
const blockOf = (language: string) => new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'ms').exec(page)?.[1] as string;

const listeners: ChildProcess[] = [];
afterEach(async () => {
  for (const child of listeners.splice(0)) {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }
});

const python = onPath('python3');
const examples: [string, string, string][] = [
  ['Node', 'js', process.execPath],
  ['Python', 'python', python ?? ''],
];

for (const [name, language, program] of examples) {
  (program ? it : it.skip)(
    `the listener in ${name} takes what is genuine and nothing else${program ? '' : ' (skipped: it is not installed)'}`,
    async () => {
      const file = join(folder.path, `listener.${language}`);
      await writeFile(file, blockOf(language));
      const port = await freePort();
      const url = `http://127.0.0.1:${port}/`;
      const { id, secret } = await addWebhook(database.pool, { url, tenant: 'acme' }, reach);
      const child = spawn(program, [file], { env: { ...process.env, SECRET: secret, PORT: String(port) } });
      listeners.push(child);
      let printed = '';
      child.stdout.on('data', (chunk) => (printed += chunk));
      child.stderr.on('data', (chunk) => (printed += chunk));
      await eventually(async () => expect(printed).toContain('listening'));
      const webhooks = startTestWebhooks(database.pool);
      const key = nanoid();
      try {
        await emitTo(database.pool, [key], { data: { note: 'é' } });
        await allEnded(database.pool);
      } finally {
        await webhooks.stop();
        await database.pool.query('delete from postdate.webhook where id <> $1', [id]);
      }
      await eventually(async () => expect(printed).toContain(`test.happened acme/${key}`));
      expect(await listDeliveries(database.pool, id, { limit: 5 })).toMatchObject([{ state: 'delivered', tries: 1 }]);
      await database.pool.query('delete from postdate.webhook');

      const body = JSON.stringify({ type: 'test.forged', subject: 'acme/x' });
      const known = Buffer.from(secret.replace('whsec_', ''), 'base64');
      const signed = (by: Buffer, at = Date.now()) => signedHeaders({ eventId: 'x', body }, [by], at);
      const answered = async (headers: Record<string, string>) =>
        (await fetch(url, { method: 'POST', headers, body })).status;
      expect(await answered(signed(newSecret()))).toBe(401);
      expect(await answered(signed(known, Date.now() - 3_600_000))).toBe(401);
      expect(await answered({ ...signed(known), 'webhook-id': 'y' })).toBe(401);
      expect(await answered({})).toBe(401);
      expect(printed).not.toContain('forged');
      // During a rotation there are two signatures, and either one may be the known one's.
      expect(await answered(signedHeaders({ eventId: 'x', body }, [newSecret(), known], Date.now()))).toBe(204);
      expect(secretText(known)).toBe(secret);
    },
  );
}
