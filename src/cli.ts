#!/usr/bin/env node
import { Command } from 'commander';
import { addApiKey } from './cli/api-key';
import { addAudit } from './cli/audit';
import { addReconcile } from './cli/reconcile';
import { addRedrive } from './cli/redrive';
import { addStuck } from './cli/stuck';
import { installation } from './installation';

const program = new Command('postdate').description('Looks after messages to the future.');
for (const add of [addAudit, addReconcile, addStuck, addRedrive, addApiKey]) add(program, installation.topics);

void program.parseAsync();
