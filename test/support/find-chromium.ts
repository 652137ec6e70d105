import { findChromium } from '../../local/chromium';

// A process of its own, see chromium.ts.
findChromium({ log: (line) => process.stderr.write(`${line}\n`) }).then(
  (found) => process.stdout.write(JSON.stringify(found ?? null)),
  (error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  },
);
