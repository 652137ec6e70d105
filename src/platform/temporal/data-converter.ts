import type { DataConverter } from '@temporalio/common';

/**
 * How all clients and workers write and read payloads. A codec that encrypts belongs here. Workflow workers also have a
 * payload converter of their own, which never throws.
 */
export const DATA_CONVERTER: DataConverter = {};
