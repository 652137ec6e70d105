import pc from 'picocolors';

/** Where a command prints. Without a terminal `columns` is undefined: nothing is coloured or cut there. */
export interface Terminal {
  columns?: number;
  colors: ReturnType<typeof pc.createColors>;
}

/** Colours need a terminal, even if FORCE_COLOR asks for them. On a terminal, `NO_COLOR` turns them off. */
export const terminalOf = (
  { isTTY, columns }: { isTTY?: boolean; columns?: number },
  colored = pc.isColorSupported,
): Terminal => ({ columns: isTTY ? (columns ?? 80) : undefined, colors: pc.createColors(isTTY === true && colored) });
