import { runProcess } from '../../src/process/run-process';
import type { Topic } from '../../src/topics/topic';
import { startWorker } from '../../src/worker';
import { plainTopic } from './effects';

/** What a handler leaves behind, by the note of its message. */
const LEFT_BEHIND: Record<string, () => void> = {
  'a rejected promise': () => void Promise.reject(new Error('secret')),
  'a timer that throws': () =>
    void setTimeout(() => {
      throw new Error('secret');
    }, 20),
};

const handle: Topic['handle'] = async (tx, message) => {
  const { note } = message.payload as { note: string };
  LEFT_BEHIND[note]?.();
  return plainTopic.handle(tx, message);
};
// A payload of version 1 goes through an upcast that is not awaited.
const upcasts = [
  (payload: unknown) => {
    void Promise.reject(new Error('secret'));
    return payload;
  },
];
const careless: Topic = { ...plainTopic, name: 'test.careless', handle };
const upcasting: Topic = { ...plainTopic, name: 'test.upcasting', payloadVersion: 2, upcasts };

void runProcess((config, log, stopping) =>
  startWorker(config, { topics: [careless, upcasting, plainTopic], consumers: [], schemas: [] }, log, stopping),
);
