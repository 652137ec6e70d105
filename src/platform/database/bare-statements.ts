// What begins here may hide a semicolon or a word. The names come first, as a `$` within one begins no quoted text.
// https://www.postgresql.org/docs/current/sql-syntax-lexical.html
const TOKENS = [
  /--[^\n\r]*/,
  /\/\*/,
  // Two quotes in a row are two texts here, which hide the same. A text without an end hides the rest.
  /e'(?:[^'\\]|\\[\s\S])*(?:'|\\?$)/,
  /'[^']*(?:'|$)/,
  /"[^"]*(?:"|$)/,
  /(?<name>[a-z_\u0080-\uffff][\w$\u0080-\uffff]*)/,
  /(?<quote>\$(?:[a-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)/,
  /(?<other>[\s\S])/,
];
const TOKEN = new RegExp(TOKENS.map(({ source }) => source).join('|'), 'giy');
const COMMENT_EDGE = /\/\*|\*\//g;

/** The statements of an SQL text, each without its comments, and a space in place of each quoted part. */
export function bareStatements(text: string): string[] {
  let bare = '';
  for (let at = 0; at < text.length; ) {
    TOKEN.lastIndex = at;
    const { 0: token, groups } = TOKEN.exec(text) as RegExpExecArray;
    const { name, quote, other } = groups as Partial<Record<'name' | 'quote' | 'other', string>>;
    at += token.length;
    if (token === '/*') at = endOfComment(text, at);
    if (quote !== undefined) at = endOf(text, quote, at);
    bare += name ?? other ?? ' ';
  }
  return bare.split(';').map((statement) => statement.trim());
}

/** The place after a comment, which may hold others. */
function endOfComment(text: string, from: number): number {
  COMMENT_EDGE.lastIndex = from;
  for (let depth = 1; depth > 0; ) {
    const edge = COMMENT_EDGE.exec(text);
    if (!edge) return text.length;
    depth += edge[0] === '/*' ? 1 : -1;
  }
  return COMMENT_EDGE.lastIndex;
}

function endOf(text: string, quote: string, from: number): number {
  const end = text.indexOf(quote, from);
  return end < 0 ? text.length : end + quote.length;
}
