import pc from 'picocolors';

/** Where a command's words go. `columns` is undefined where nobody looks: nothing is coloured or cut there. */
export interface Terminal {
  columns?: number;
  colors: ReturnType<typeof pc.createColors>;
}

/** Colours need a terminal, whatever else asks for them; `NO_COLOR` forbids them there, too. */
export const terminalOf = (
  { isTTY, columns }: { isTTY?: boolean; columns?: number },
  colored = pc.isColorSupported,
): Terminal => ({ columns: isTTY ? (columns ?? 80) : undefined, colors: pc.createColors(isTTY === true && colored) });
