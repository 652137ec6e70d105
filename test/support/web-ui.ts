import type { Locator, Page } from 'playwright-core';
import { type MessageRef, workflowIdOf } from '../../src/message/contract';

/** The words of Temporal's Web UI that are relied on, here and in docs/web-ui.md. */
export const words = {
  search: 'Search',
  columns: ['PostdateDueAt', 'PostdateTopic', 'PostdateTenant', 'PostdateKey'],
  metadata: 'User Metadata',
  details: 'Current Details',
  history: 'History',
  attributes: 'Search Attributes',
  memo: 'Memo',
  result: 'Result',
  actions: 'More Actions',
  signal: 'Send a Signal',
  update: 'Send an Update',
  updated: 'Workflow Execution Update Completed',
  data: 'Data',
  submit: 'Submit',
  request: 'Request Cancellation',
  confirm: 'Confirm',
  completed: 'Completed',
} as const;

const main = (page: Page): Locator => page.getByRole('main');
const button = (within: Page | Locator, name: string) => within.getByRole('button', { name, exact: true });

/** The row of one message in the list. */
export const rowOf = (page: Page, ref: MessageRef): Locator =>
  page.getByTestId('workflows-summary-configurable-table-row').filter({ has: linkOf(page, ref) });

const linkOf = (page: Page, ref: MessageRef) => page.getByRole('link', { name: workflowIdOf(ref), exact: true });

/** The list with our columns instead of run id, type, start and end. */
export async function showOurColumns(page: Page): Promise<void> {
  await page.getByTestId('workflows-summary-table-configuration-button').click();
  for (const name of ['Run ID', 'Type', 'Start', 'End']) await button(page, `Remove ${name} column`).click();
  for (const name of words.columns) await button(page, `Add ${name} column`).click();
  await button(page, 'Close Workflows Table configuration').click();
  await button(page, 'Collapse saved views').click();
}

/** Types a query into the list's own line for it. */
export async function find(page: Page, query: string): Promise<void> {
  const line = page.getByRole('searchbox', { name: 'Enter a query' });
  if (!(await line.isVisible())) await page.getByTestId('toggle-manual-query').click();
  await line.fill(query);
  await button(page, words.search).click();
  await page.waitForURL((url) => url.searchParams.get('query') === query);
}

/** The workflow ids that the list shows once it has so many. */
export async function listed(page: Page, count: number): Promise<string[]> {
  await page.getByRole('heading', { level: 1, name: new RegExp(`^${count} Workflows?$`) }).waitFor();
  const links = page.getByTestId('workflows-summary-configurable-table-row').getByRole('link', { name: /^postdate:/ });
  if (count > 0) await links.nth(count - 1).waitFor();
  return (await links.allInnerTexts()).sort();
}

export const openMessage = (page: Page, ref: MessageRef): Promise<void> => linkOf(page, ref).click();

export const openTab = (page: Page, name: string): Promise<void> =>
  page.getByRole('tab', { name: new RegExp(`^${name}`) }).click();

/** What is shown under Current Details, once it says so. */
export async function readDetails(page: Page, says: string): Promise<string> {
  await openTab(page, words.metadata);
  await page.getByRole('heading', { name: words.details }).waitFor();
  // Markdown is rendered in frames: the summary's first, this one last.
  const body = page.getByTitle('output').last().contentFrame().locator('body');
  await body.getByText(says).first().waitFor();
  return body.innerText();
}

/** The JSON that the tab of this name shows. */
export async function readJson(page: Page, tab: string): Promise<unknown> {
  await openTab(page, tab);
  await page.getByRole('heading', { name: tab, level: 3 }).waitFor();
  return JSON.parse(await main(page).getByRole('textbox').innerText());
}

/** Has the page send a signal or an update; `beforeSubmit` sees it filled in. */
export async function send(
  page: Page,
  kind: 'signal' | 'update',
  { name, data, beforeSubmit }: { name: string; data?: string; beforeSubmit?: () => Promise<void> },
): Promise<void> {
  await button(page, words.actions).click();
  await page.getByRole('menuitem', { name: words[kind] }).click();
  const dialog = page.getByRole('dialog', { name: words[kind] });
  await dialog.getByTestId(`${kind}-select-button`).click();
  await dialog.getByRole('option', { name: new RegExp(`^${name}`) }).click();
  await dialog.getByText(words.data, { exact: true }).waitFor();
  if (data !== undefined) await dialog.getByRole('textbox').last().fill(data);
  await beforeSubmit?.();
  await button(dialog, words.submit).click();
}

/** Has the page's own button ask Temporal to cancel. */
export async function requestCancellation(page: Page): Promise<void> {
  await button(page, words.request).click();
  await button(page.getByRole('dialog', { name: 'Cancel Workflow' }), words.confirm).click();
}

/** What the history says of an event of this type, once there is one. */
export async function readEvent(page: Page, type: string): Promise<string> {
  await openTab(page, words.history);
  const event = page.getByTestId('event-summary-row').filter({ hasText: type });
  await event.waitFor();
  return event.innerText();
}

/** The result that the page shows once the workflow is completed. */
export async function readResult(page: Page): Promise<unknown> {
  await main(page).getByText(words.completed, { exact: true }).first().waitFor();
  await openTab(page, words.history);
  const result = page.getByTestId('input-and-result').getByRole('textbox').last();
  await result.filter({ hasText: 'outcome' }).waitFor();
  return JSON.parse(await result.innerText());
}
