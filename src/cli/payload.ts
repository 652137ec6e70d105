import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { MessageError } from '../message/admission';
import { readWholeJson } from '../message/json-reader';
import { JsonRefusal } from '../message/json-refusal';
import { NotJson } from '../message/json-tokens';
import { CommandFailure } from './failure';

export interface PayloadOptions {
  payload?: string;
  payloadFile?: string;
}

/** The payload that a command is given as text, on standard input or in a file. Throws a `MessageError` for what HTTP refuses too. */
export async function payloadOf({ payload, payloadFile }: PayloadOptions): Promise<unknown> {
  if (payload !== undefined && payloadFile !== undefined) {
    throw new CommandFailure('give one of --payload and --payload-file');
  }
  const json =
    payloadFile !== undefined ? await fileOf(payloadFile) : payload === '-' ? await text(process.stdin) : payload;
  try {
    // Editors put the mark of an order of bytes before a text.
    return readWholeJson((json ?? '{}').replace(/^\ufeff/, ''));
  } catch (error) {
    if (error instanceof NotJson) {
      throw new MessageError({ code: 'invalidPayload', field: 'payload', message: 'must be JSON in UTF-8' });
    }
    if (!(error instanceof JsonRefusal)) throw error;
    const { code, field, rule } = error;
    throw new MessageError({
      code: code === 'unsafeNumber' ? code : 'invalidPayload',
      // The reader calls the whole of it the body.
      field: field === 'body' ? 'payload' : `payload.${field}`,
      message: rule,
    });
  }
}

async function fileOf(path: string): Promise<string> {
  try {
    return path === '-' ? await text(process.stdin) : await readFile(path, 'utf8');
  } catch (error) {
    throw new CommandFailure(`--payload-file: ${(error as Error).message}`, undefined, { cause: error });
  }
}
