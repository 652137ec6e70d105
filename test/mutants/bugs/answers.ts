import type { Mutant } from '../mutants';

/** About what consumers say of messages that were put on the stream. */
export const answers: Mutant[] = [
  {
    name: 'an answer takes the place of one that was given at the same time',
    file: 'src/platform/database/migrations/0015-answers.ts',
    find: 'where stored.answer is null',
    replace: 'where true',
    tests: ['test/events/answers/answer.test.ts'],
  },
  {
    name: 'an answer of again is taken though a later cycle is there',
    file: 'src/platform/database/migrations/0015-answers.ts',
    find: 'if later is not null then',
    replace: 'if false then',
    tests: ['test/events/answers/answer.test.ts'],
  },
  {
    name: 'an answer is taken for a cycle that was never forwarded',
    file: 'src/platform/database/migrations/0015-answers.ts',
    find: "\n       and decided.outcome = 'delivered'",
    replace: ' or decided.topic = topic',
    tests: ['test/events/answers/answer.test.ts'],
  },
  {
    name: 'an answer that is awaited keeps no event',
    file: 'src/maintenance/event-needs.ts',
    find: 'open.answer is null and',
    replace: 'false and',
    tests: ['test/events/answers/answer.test.ts'],
  },
  {
    name: 'an answer of again keeps no decision',
    file: 'src/maintenance/prune.ts',
    find: ' or answer.next_cycle > last.cycle',
    replace: '',
    tests: ['test/events/answers/answer.test.ts'],
  },
  {
    name: 'an answer of again announces nothing to the audit',
    file: 'src/operating/audit/conservation.ts',
    find: 'where topic = $1 and next_cycle is not null',
    replace: 'where topic = $1 and false',
    tests: ['test/events/answers/answer.test.ts'],
  },
  {
    name: 'an answer of failed in a series is there to be redriven',
    file: 'src/operating/redrive/failed.ts',
    find: ' and delivery.next_cycle is null',
    replace: '',
    tests: ['test/events/answers/answer.test.ts'],
  },
  {
    name: 'an answer that comes before Temporal knows of the landing is lost',
    file: 'src/producing/dispatch/execute-command.ts',
    find: "known?.state === 'waiting' && (",
    replace: 'false && (',
    tests: ['test/events/answers/whole-way.test.ts'],
  },
  {
    name: 'an answer with a name twice is taken by its last',
    file: 'src/events/webhooks/read-body.ts',
    find: "refuses: ['duplicateName']",
    replace: 'refuses: []',
    tests: ['test/events/webhooks/hostile-responses.test.ts'],
  },
  {
    name: 'a webhook that only observes decides a message',
    file: 'src/events/webhooks/try-delivery.ts',
    find: 'onAnswer && delivery.mayAnswer && body',
    replace: 'onAnswer && body',
    tests: ['test/events/answers/webhook-response.test.ts'],
  },
];
