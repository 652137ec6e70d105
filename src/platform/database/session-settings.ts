/**
 * What each session of ours needs, whatever the database or the account has as its default: instants as node-postgres reads them, and
 * statements that see what was committed before each of them.
 */
export const SESSION_SETTINGS = `set datestyle = 'ISO'; set default_transaction_isolation = 'read committed'`;
