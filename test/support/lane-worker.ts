import { STABLE } from '../../src/message/lane-name';
import { startLaneWorker } from '../../src/process/lane-worker';
import { runProcess } from '../../src/process/run-process';
import { startWorker } from '../../src/worker';
import { buildsSchema, type Conduct, topicOfBuild } from './lane-topic';

// A worker of one build of the tests' topic, for the lane that POSTDATE_LANE names; BUILD_CONDUCT says what its handler does.
void runProcess((config, log, stopping) => {
  const topic = topicOfBuild(
    config.build ?? '',
    process.env.BUILD_CONDUCT as Conduct,
    Number(process.env.BUILD_LEAD_MS),
  );
  const parts = { topics: [topic], consumers: [], schemas: [buildsSchema] };
  return (config.lane === STABLE ? startWorker : startLaneWorker)(config, parts, log, stopping);
});
