import pino from 'pino';

/** For parts whose lines are not a test's subject. */
export const silentLog = pino({ level: 'silent' });
