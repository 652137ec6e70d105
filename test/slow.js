// The test files that `npm run test:slow` runs; `npm test` runs all others. A file belongs here if it ends or stops processes
// and waits for the consequences, starts a cluster, a broker in Java, a browser or a benchmark, runs a page of the docs or a
// demo from its beginning to its end, or takes half a minute for another reason. They begin in this order, the longest first.
const SLOW = [
  'test/bench/burst.test.ts',
  'test/delivery/lanes/rules-changed.test.ts',
  'test/bench/sustained.test.ts',
  'test/bench/canary.test.ts',
  'test/bench/morning-run.test.ts',
  'test/delivery/lanes/trouble.test.ts',
  'test/local/demo.test.ts',
  'test/delivery/lanes/shadow/processes.test.ts',
  'test/delivery/lanes/guarded-processes.test.ts',
  'test/bench/pending.test.ts',
  'test/chaos/stranger.test.ts',
  'test/system/worker-loss.test.ts',
  'test/system/flood.test.ts',
  'test/system/backup-restored.test.ts',
  'test/system/bad-deploy.test.ts',
  'test/bench/held.test.ts',
  'test/bench/idle.test.ts',
  'test/bench/http.test.ts',
  'test/bench/schedule.test.ts',
  'test/bench/sql.test.ts',
  'test/cli/docs.test.ts',
  'test/system/disk-full.test.ts',
  'test/docs/quick-start.test.ts',
  'test/docs/releasing.test.ts',
  'test/examples/go.test.ts',
  'test/system/hanging-worker.test.ts',
  'test/http/servers-away.test.ts',
  'test/delivery/lanes/canary.test.ts',
  'test/local/cluster.test.ts',
  'test/local/demo-canary.test.ts',
  'test/local/demo-via.test.ts',
  'test/local/start.test.ts',
  'test/local/visibility-indexes.test.ts',
  'test/model/workflow.test.ts',
  'test/events/brokers/brokers.test.ts',
  'test/events/brokers/debezium.test.ts',
  'test/events/brokers/kafka.test.ts',
  'test/maintenance/lost-time-outs.test.ts',
  'test/maintenance/overdue-workflows.test.ts',
  'test/maintenance/temporal-away.test.ts',
  'test/system/web-ui.test.ts',
  'test/worker.test.ts',
  'test/system/workflow-versions.test.ts',
];

const placeOf = (file) => SLOW.findIndex((one) => file.replaceAll('\\', '/').endsWith(`/${one}`));
const isSlow = (file) => placeOf(file) >= 0;

module.exports = { SLOW, isSlow, placeOf };
