#!/usr/bin/env node
import { runCli } from '../src/cli';
import { installation } from './installation';

runCli(installation);
