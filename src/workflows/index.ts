// Every export here can be started by name, and its name is the workflow type for as long as a message sleeps.
export { scheduledMessage } from './scheduled-message';
