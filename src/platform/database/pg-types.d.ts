declare module 'pg-types/lib/textParsers' {
  export function init(register: (oid: number, parse: (text: string) => unknown) => void): void;
}
