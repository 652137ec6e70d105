/** What no test runs as it stands on its page: how the block begins, or none for all of the page, and why. */
export const NOT_RUN: { page: string; begins?: string; why: string }[] = [
  {
    page: 'README.md',
    begins: '2026-11-24T02:21:40.873Z payment-request.expired',
    why: 'no command, but what the demo printed once; labelled as text it needs no entry here',
  },
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
];

/** Whether this block is listed above. */
export const isNotRun = (block: { page: string; text: string }) =>
  NOT_RUN.some(({ page, begins = '' }) => page === block.page && block.text.startsWith(begins));
