// Temporal can start every export by its name. The name stays the workflow type for as long as a message sleeps.
export { scheduledMessage } from './scheduled-message';
