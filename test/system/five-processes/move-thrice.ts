import { Client, Connection } from '@temporalio/client';
import { move } from '../../../src/client';

/** A producer's process that sends one command three times, and prints what it was answered each time. */
async function main(): Promise<void> {
  const [ref, command] = process.argv.slice(2).map((json) => JSON.parse(json));
  const connection = await Connection.connect({ address: process.env.TEMPORAL_ADDRESS as string });
  const client = new Client({ connection, namespace: process.env.TEMPORAL_NAMESPACE });
  for (let time = 0; time < 3; time += 1) console.log(JSON.stringify(await move(client, ref, command)));
  await connection.close();
}

void main();
