/** What no test runs as it stands on its page: how the block begins, or none for all of the page, and why. */
export const NOT_RUN: { page: string; begins?: string; why: string }[] = [
  {
    page: 'docs/quick-start.md',
    begins: 'npm ci\n',
    why: 'installs anew what runs this test; .ci/run does so first, in a clean checkout',
  },
  {
    page: 'docs/quick-start.md',
    begins: 'POSTDATE_HTTP_ADDRESS=127.0.0.1:8080 npm start\n',
    why: "goes on until Ctrl-C, on a port that may be taken; the page's test starts the same program on a free one",
  },
  {
    page: 'docs/http.md',
    begins: 'npm run http\n',
    why: 'goes on until Ctrl-C, on a port that may be taken; test/http/process.test.ts starts the same program',
  },
  {
    page: 'docs/capacity.md',
    why: 'a rule and topics to be copied; test/system/two-installations.test.ts runs their like with two databases in one namespace',
  },
  {
    page: 'docs/deploy.md',
    why: 'needs a Docker engine, or an account with others; compose file and commands are checked by tests of their own, test/app/database-rights.test.ts runs the grants',
  },
  {
    page: 'docs/events.md',
    why: 'its programs run in test/examples, with addresses of their own; the rest is held to the code by test/events/asyncapi',
  },
  {
    page: 'docs/forward.md',
    why: 'run by test/events/answers/docs.test.ts, which takes each command from the page by its words',
  },
  {
    page: 'docs/webhooks.md',
    why: 'its listeners run in test/events/webhooks/docs.test.ts, its commands in test/cli/webhooks.test.ts',
  },
  ...['answer --topic', 'unanswered --topic'].map((command) => ({
    page: 'docs/cli.md',
    begins: `$ postdate ${command}`,
    why: 'needs a message that was forwarded: test/events/answers/whole-way.test.ts has one, and runs it',
  })),
  {
    page: 'docs/cli.md',
    begins: '$ postdate webhooks list',
    why: 'needs webhooks that fail: test/cli/webhooks.test.ts has some, and runs it',
  },
];

/** Whether this block is listed above. */
export const isNotRun = (block: { page: string; text: string }) =>
  NOT_RUN.some(({ page, begins = '' }) => page === block.page && block.text.startsWith(begins));
