import { queryOf } from '../src/producing/list';

/** The page of Temporal's Web UI that lists all messages that wait. */
export const waitingMessagesUrl = (uiUrl: string): string =>
  `${uiUrl}/namespaces/default/workflows?query=${encodeURIComponent(queryOf({ state: 'waiting' }))}`;
