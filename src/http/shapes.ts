import { z } from 'zod';
import { MAX_CYCLE, MAX_NAMED_CYCLE, PART } from '../message/admission';
import { epochMsOf } from '../message/due-time';

// The parts that schemas of all operations are made of.

/** The schemas that OpenAPI lists by name. */
export const named = z.registry<{ id: string }>();

export const part = z.string().regex(PART).max(255);
export const instant = z
  .string()
  .max(64)
  .refine((text) => !Number.isNaN(epochMsOf(text)), 'must be RFC 3339 with Z or an offset')
  .meta({ format: 'date-time', description: 'RFC 3339 with Z or an offset; a local time names no instant' });
export const cycle = z.int().min(1).max(MAX_CYCLE);
/** A cycle that a caller names, with room for those that follow it. */
export const namedCycle = z.int().min(1).max(MAX_NAMED_CYCLE);
