/**
 * A text as PostgreSQL can store it, at most 2,000 characters of it by default. PostgreSQL's text has no NUL, and its JSON no
 * half of a surrogate pair, which cutting can leave. A reason with either would fail its insert for ever.
 */
export const storable = (text: string | undefined, characters = 2_000): string | null =>
  text?.slice(0, characters).replaceAll(/\0|\p{Surrogate}/gu, '\ufffd') ?? null;
