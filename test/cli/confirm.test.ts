import { PassThrough } from 'node:stream';
import { confirmed } from '../../src/cli/confirm';

/** Somebody at a terminal who answers like this; without an answer they end it, as Ctrl-D does. */
function terminal(answer?: string) {
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const output = new PassThrough();
  let asked = '';
  output.on('data', (text) => {
    asked += text;
  });
  if (answer === undefined) input.end();
  else input.write(`${answer}\n`);
  return { asker: { input, output }, asked: () => asked };
}

it.each([
  ['y', true],
  ['Yes', true],
  ['n', false],
  ['', false],
  ['yet', false],
  [undefined, false],
])('the answer %p is %p', async (answer, is) => {
  const { asker, asked } = terminal(answer);
  expect(await confirmed(['it would take everybody', 'nobody serves it'], false, asker)).toBe(is);
  expect(asked()).toContain('it would take everybody; nobody serves it. Is that meant? [y/N]');
});

it('nothing is asked where nobody answers, or where another program reads on', async () => {
  const { asker, asked } = terminal('y');
  const refused = { says: 'it would take everybody', todo: 'if that is meant, add --yes' };
  await expect(confirmed(['it would take everybody'], true, asker)).rejects.toMatchObject(refused);
  asker.input.isTTY = false;
  await expect(confirmed(['it would take everybody'], false, asker)).rejects.toMatchObject(refused);
  expect(asked()).toBe('');
});
