/** The name of one cycle of a message, within its topic. */
export interface CycleName {
  tenant: string;
  key: string;
  cycle: number;
}

/** Names as arrays for `unnest`: tenants, keys and cycles. */
export const namesOf = (cycles: CycleName[]): [string[], string[], number[]] => [
  cycles.map(({ tenant }) => tenant),
  cycles.map(({ key }) => key),
  cycles.map(({ cycle }) => cycle),
];

/** Names with the topic of each, as arrays for `unnest`. */
export const fullNamesOf = (cycles: (CycleName & { topic: string })[]) => [
  cycles.map(({ topic }) => topic),
  ...namesOf(cycles),
];
