import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { Chromium } from '../../local/chromium';
import { TYPESCRIPT } from '../../local/run-typescript';

const ROOT = join(__dirname, '..', '..');
// Longer than the fetch may take, which gives up by itself, with a word.
const TIMEOUT_MS = 30 * 60_000;

/**
 * A Chromium, found or fetched before this returns; nothing where there is none, and its word is on standard error.
 * Only the tests that need one wait for it: jest asks at once which tests are to be skipped, so nothing can be awaited.
 */
export function chromiumAtOnce(): Chromium | undefined {
  const found = execFileSync(process.execPath, [...TYPESCRIPT, join(__dirname, 'find-chromium.ts')], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: TIMEOUT_MS,
    encoding: 'utf8',
  });
  return JSON.parse(found) ?? undefined;
}

/** A new page for each test, in a browser of the test file's own. Without a Chromium it is for tests that are skipped. */
export function usePage(found: Chromium | undefined): { current: Page } {
  const page = {} as { current: Page };
  let browser: Browser;

  beforeAll(async () => {
    if (!found) throw new Error('there is no Chromium');
    const env = { ...process.env, ...found.env } as Record<string, string>;
    browser = await chromium.launch({ executablePath: found.executable, env });
  });
  beforeEach(async () => {
    // Twice as wide as high is what the README can show; the waits only end tests that fail.
    page.current = await browser.newPage({ viewport: { width: 1440, height: 760 } });
    page.current.setDefaultTimeout(60_000);
  });
  afterEach(() => page.current.context().close());
  afterAll(() => browser?.close());
  return page;
}
