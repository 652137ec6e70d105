/** Every way from one process to another; each is a proxy that can be broken. */
export const LINKS = [
  'worker0Database',
  'worker0Temporal',
  'worker1Database',
  'worker1Temporal',
  'producerDatabase',
  'producerTemporal',
  'listenerDatabase',
  'temporalDatabase',
] as const;
export type LinkName = (typeof LINKS)[number];

/** The programs under test, each a process that is started again when it has died. */
export const PROGRAMS = ['worker0', 'worker1', 'listener', 'producer0', 'producer1'] as const;
export type ProgramName = (typeof PROGRAMS)[number];
