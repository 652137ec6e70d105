const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/**
 * A bar of block characters for each number. The greatest has `width` characters, and every number above 0 is visible.
 */
export function barsOf(numbers: number[], width: number): string[] {
  const greatest = Math.max(...numbers, 1);
  return numbers.map((number) => {
    const eighths = number > 0 ? Math.max(1, Math.round((number / greatest) * width * 8)) : 0;
    return '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8];
  });
}
