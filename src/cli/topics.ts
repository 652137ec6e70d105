import type { Command } from 'commander';
import { z } from 'zod';
import { hasRows } from '../topics/business-rows';
import type { Topic } from '../topics/topic';
import { handlerTimeoutMsOf, leadMsOf } from '../topics/topic-limits';
import { run } from './exit';
import { withExample } from './options';
import { print, printJson } from './output';
import { tableOf } from './table';

export function addTopics(program: Command, topics: Topic[]): void {
  const command = program.command('topics').description('the installed topics and their limits');
  withExample(command, 'topics', "with each payload's JSON Schema").action((options: { json?: boolean }) =>
    run(showTopics(topics, options)),
  );
}

async function showTopics(topics: Topic[], { json }: { json?: boolean }): Promise<0> {
  if (json) printJson(topics.map((topic) => ({ ...limitsOf(topic), payload: schemaOf(topic) })));
  else {
    const head = [
      'topic',
      'lead',
      'pace',
      'handler timeout',
      'stale after',
      'payload version',
      'business rows',
      'forwards',
    ];
    print(
      tableOf(
        head,
        topics
          .map(limitsOf)
          .map((topic) => [
            topic.name,
            `${topic.leadMs} ms`,
            topic.landingsPerSecond === undefined ? 'no limit' : `${topic.landingsPerSecond}/s`,
            `${topic.handlerTimeoutMs} ms`,
            topic.staleAfterMs === undefined ? 'never' : `${topic.staleAfterMs} ms`,
            topic.payloadVersion,
            topic.businessRows ? 'yes' : 'no',
            topic.forwards ? 'yes' : 'no',
          ]),
      ),
    );
  }
  return 0;
}

const limitsOf = (topic: Topic) => ({
  name: topic.name,
  leadMs: leadMsOf(topic),
  landingsPerSecond: topic.landingsPerSecond,
  handlerTimeoutMs: handlerTimeoutMsOf(topic),
  staleAfterMs: topic.staleAfterMs,
  payloadVersion: topic.payloadVersion ?? 1,
  businessRows: hasRows(topic),
  forwards: topic.forward !== undefined,
  answerWithinMs: topic.forward?.answerWithinMs,
});

// The payload as a producer sends it. A part that JSON Schema cannot express becomes any value.
const schemaOf = (topic: Topic) => z.toJSONSchema(topic.payload, { io: 'input', unrepresentable: 'any' });
