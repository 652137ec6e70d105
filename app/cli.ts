#!/usr/bin/env node
import { runCli } from '../src/cli/main';
import { installation } from './installation';

runCli(installation);
