import { join } from 'node:path';

/** How Node runs one of many programs of this project: from its sources, each of them compiled once for all of them. */
export const TYPESCRIPT = ['--require', join(__dirname, 'typescript.cjs')];
