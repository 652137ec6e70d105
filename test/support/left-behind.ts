import { EventEmitter } from 'node:events';
import { writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { admit } from '../../src/message/admission';
import { runForeign } from '../../src/platform/telemetry/foreign-code';
import { createLog } from '../../src/platform/telemetry/log';
import { outliveForeignCode } from '../../src/process/outlive-foreign-code';
import { ODD } from './odd-values';

// A process in which code of an installation, or our own, leaves something behind that fails; its argument says what.

const counts: Record<string, number> = {};
outliveForeignCode({ log: createLog(), count: (part) => (counts[part] = (counts[part] ?? 0) + 1) });
const inHandler = (work: () => unknown) =>
  runForeign({ part: 'handler', topic: 'test.left', tenant: 'acme', key: 'k', cycle: 1 }, work);

/** Throws where our own sources do. */
const throwOurs = () => admit({ code: 'invalidKey', field: 'key', message: 'of our own' });

const SCENES: Record<string, () => void> = {
  'rejected promises': () => {
    for (const make of Object.values(ODD)) inHandler(() => void Promise.reject(make()));
  },
  'timers that throw': () => {
    for (const make of Object.values(ODD))
      inHandler(() =>
        setTimeout(() => {
          throw make();
        }, 1),
      );
  },
  'an emitter, a microtask, and a promise that fails later': () =>
    inHandler(() => {
      setImmediate(() => new EventEmitter().emit('error', new Error('secret')));
      queueMicrotask(() => {
        throw new Error('secret');
      });
      void pause(5).then(() => Promise.reject(new Error('secret')));
    }),
  'a promise of our own': () => void Promise.resolve().then(throwOurs),
  'an exception of our own': () => void setTimeout(throwOurs, 1),
};

SCENES[process.argv[2] as string]?.();
// When all that was left behind has failed. By then nothing is written any more but at once.
process.once('exit', () => writeSync(process.stdout.fd, `${JSON.stringify({ counts })}\n`));
