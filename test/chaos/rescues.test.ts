import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { countRescues } from '../../chaos/watch/rescues';
import { eventually } from '../support/eventually';

let server: Server;
let looks = 0;
let text = '';
beforeEach(async () => {
  looks = 0;
  server = createServer((_, response) => {
    looks += 1;
    response.end(text);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => server.close());

const rescued = (messages: number) =>
  `postdate_rescued_messages_total{reason="notWoken",service_name="x",topic="chaos.beat"} ${messages}\n`;
const seen = async () => {
  const before = looks;
  await eventually(async () => expect(looks).toBeGreaterThan(before + 1));
};

it('a counter that begins again, as its worker was killed, is added to what it had counted', async () => {
  text = rescued(2);
  const counting = countRescues([`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`]);
  await seen();
  text = rescued(5);
  await seen();
  text = rescued(1);
  await seen();
  text += 'postdate_missing_messages_total{topic="payment-request.expiry"} 3\npostdate_held_messages{topic="x"} 9\n';
  expect(await counting.stop()).toEqual({ 'chaos.beat notWoken': 6, 'payment-request.expiry missing': 3 });
});
