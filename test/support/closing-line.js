/** Ends the run with one plain line that a person and CI read alike. A suite that could not run counts as failed. */
module.exports = class ClosingLine {
  onRunComplete(_contexts, { numPassedTests, numFailedTests, numPendingTests, numRuntimeErrorTestSuites }) {
    const skipped = numPendingTests > 0 ? `, ${numPendingTests} skipped` : '';
    const line = `${numPassedTests} passed, ${numFailedTests + numRuntimeErrorTestSuites} failed${skipped}\n`;
    // Jest's own summary follows its reporters, and global teardown follows that.
    process.once('exit', () => process.stdout.write(line));
  }
};
