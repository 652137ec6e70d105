import { type Command, Option } from 'commander';
import { PERCENT_OF, type PercentOf } from '../delivery/lanes/lane';
import { admitRequest, type LaneRequest } from '../delivery/lanes/lane-request';
import type { Topic } from '../topics/topic';
import { run } from './exit';
import { changeOrDryRun, changeWithoutAsking } from './lane-change';
import { type LaneOptions, number, numbers, requestOf, withDryRun, withLane, withReason } from './lane-options';
import { type SetOptions, setRequestOf, withRules } from './lane-set';
import { seconds, withExample } from './options';

type RampOptions = LaneOptions & { steps?: number[]; every?: number; by?: PercentOf };

const EXAMPLE = "lane set --topic payment-request.expiry --lane canary --tenants acme --reason 'a first trial'";

export function addLane(program: Command, topics: Topic[]): void {
  const lane = withExample(
    program.command('lane').description('which release of a topic lands whose messages: set, ramp, stop a lane'),
    EXAMPLE,
  );
  const named = (name: string, says: string) => withLane(lane.command(name).description(says));
  const runChange = (change: typeof changeOrDryRun, request: LaneRequest, { dryRun, yes }: LaneOptions) => {
    const { json } = lane.opts<{ json?: boolean }>();
    return run((async () => change(admitRequest(request, topics), request, { dryRun, yes, json }))());
  };
  withRules(
    withDryRun(
      named('set', 'say what a lane takes, in the place of what it took before; makes the lane if there is none'),
    ),
  ).action((options: SetOptions) => runChange(changeOrDryRun, setRequestOf(options), options));
  withReason(withDryRun(named('ramp', 'have a lane take a percentage, at once or in steps, beside its other rules')))
    .argument('[percent]', 'at once', number)
    .option('--steps <a,b>', 'the first of these at once, each of the others while the lane is healthy', numbers)
    .option('--every <time>', 'how long each step lasts: 90s, 10m, 1h', seconds)
    .addOption(new Option('--by <what>', 'of all tenants, or of all keys; else as it is').choices(PERCENT_OF))
    .action((percent: number | undefined, options: RampOptions) => {
      const { steps = [], every: everySeconds, by } = options;
      const all = percent === undefined ? steps : [percent, ...steps];
      return runChange(changeOrDryRun, { ...requestOf(options), what: 'ramp', steps: all, everySeconds, by }, options);
    });
  withReason(named('stop', 'send all that a lane takes to stable, at once; its rules stay for lane set --live')).action(
    (options: LaneOptions) => runChange(changeWithoutAsking, { ...requestOf(options), what: 'stop' }, options),
  );
}
