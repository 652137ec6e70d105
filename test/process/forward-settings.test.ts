import { installation } from '../../app/installation';
import { ConfigError } from '../../src/platform/config-error';
import { forwardSettingsOf, readConfig } from '../../src/process/config';
import { installed } from '../../src/process/installation';
import { forwardTopic } from '../../src/topics/forward-topic';

const good = { DATABASE_URL: 'postgres://u:p@db.example:5432/postdate', TEMPORAL_CONFIG_FILE: '/nonexistent' };
const of = (text: string) => forwardSettingsOf({ POSTDATE_FORWARD_TOPICS: text }).map((one) => forwardTopic(one));

it('topics are declared by name alone, or with settings of their own, and installed beside those of the sources', () => {
  const topics = of('orders.reminder, orders.expiry?answerWithinMs=86400000&leadMs=60000 ,');
  expect(topics).toMatchObject([
    { name: 'orders.reminder', forward: {} },
    { name: 'orders.expiry', forward: { answerWithinMs: 86_400_000 }, leadMs: 60_000 },
  ]);
  const config = readConfig({ ...good, POSTDATE_FORWARD_TOPICS: 'orders.reminder' });
  const names = installed(config, installation).topics.map(({ name }) => name);
  expect(names).toEqual([...installation.topics.map(({ name }) => name), 'orders.reminder']);
  expect(installed(readConfig(good), installation).topics).toEqual(installation.topics);
});

it.each([
  ['orders reminder', /topic: must be one or more of/],
  ['orders:reminder', /topic: must be one or more of/],
  ['ok,?leadMs=5', /topic: must be one or more of/],
  ['orders?lead=5', /orders: lead is no setting; there are leadMs, .*answerWithinMs/],
  ['orders?leadMs=soon', /orders: leadMs must be a number/],
  ['orders?leadMs=-1', /leadMs: of topic orders must be/],
  ['orders?answerWithinMs=0', /answerWithinMs: of topic orders must be/],
])('%j is refused when it starts, by the name of the variable', (text, problem) => {
  const read = () => readConfig({ ...good, POSTDATE_FORWARD_TOPICS: text });
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(/^POSTDATE_FORWARD_TOPICS: /);
  expect(read).toThrow(problem);
});
