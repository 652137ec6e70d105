const { existsSync, readFileSync, rmSync } = require('node:fs');
const { relative } = require('node:path');

const SHOWN = 10;
const seconds = (ms) => (ms / 1000).toFixed(1).padStart(7);
const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);

/** The test files of the run, the slowest first, with what their tests took; the rest is imports, hooks and servers. */
const filesOf = (testResults, rootDir) =>
  testResults
    .map(({ testFilePath, perfStats, testResults: tests }) => ({
      file: relative(rootDir, testFilePath),
      ms: perfStats.runtime,
      testsMs: sum(tests.map(({ duration }) => duration ?? 0)),
    }))
    .sort((one, other) => other.ms - one.ms);

/** What `timed` has written, by what was started, the most time first. */
function startsOf(file) {
  if (!file || !existsSync(file)) return [];
  const starts = new Map();
  for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
    const { started, ms } = JSON.parse(line);
    starts.set(started, [...(starts.get(started) ?? []), ms]);
  }
  return [...starts]
    .map(([started, all]) => ({ started, count: all.length, ms: sum(all), longestMs: Math.max(...all) }))
    .sort((one, other) => other.ms - one.ms);
}

/**
 * Shows after a run where its time went: the ten slowest files, or with POSTDATE_TEST_TIMES (a file that it may write) all
 * of them, and what was started how often.
 */
module.exports = class Times {
  constructor({ rootDir }) {
    this.rootDir = rootDir;
    this.file = process.env.POSTDATE_TEST_TIMES;
    if (this.file) rmSync(this.file, { force: true });
  }

  onRunComplete(_contexts, { testResults }) {
    const files = filesOf(testResults, this.rootDir);
    const shown = this.file ? files : files.slice(0, SHOWN);
    if (files.length < 2) return;
    const lines = [
      '',
      'seconds    tests  file',
      ...shown.map(({ file, ms, testsMs }) => `${seconds(ms)}  ${seconds(testsMs)}  ${file}`),
    ];
    const starts = startsOf(this.file);
    if (starts.length > 0) {
      lines.push('', 'seconds    count  longest  started');
      for (const { started, count, ms, longestMs } of starts) {
        lines.push(`${seconds(ms)}  ${String(count).padStart(7)}  ${seconds(longestMs)}  ${started}`);
      }
    }
    process.stdout.write(`${lines.join('\n')}\n\n`);
  }
};
