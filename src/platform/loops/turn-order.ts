/**
 * Names that take turns, each with a line of what waits. A new name comes last, and so does one that has had its turn: a name
 * with much in its line waits for one turn of each other name.
 */
export function createTurnOrder<Line>() {
  // A Map keeps the order in which its names were added.
  const lines = new Map<string, Line>();
  const leave = (name: string) => void lines.delete(name);
  return {
    /** Undefined if nothing of this name waits. */
    lineOf: (name: string): Line | undefined => lines.get(name),
    join: (name: string, line: Line) => void lines.set(name, line),
    leave,
    /** The name has had its turn. Without a line nothing more of it waits. */
    hadTurn(name: string, line?: Line): void {
      leave(name);
      if (line !== undefined) lines.set(name, line);
    },
    /** In the order of their next turns. A name that has its turn meanwhile comes round again. */
    inTurn: () => lines.entries(),
    isEmpty: () => lines.size === 0,
  };
}
