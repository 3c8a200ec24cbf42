#!/usr/bin/env node
// Run by `npx berth` on the machine's own Node: installs missing packages, then runs berth.ts on the installed Node.
// Plain JavaScript, like install.mjs.
import './install.mjs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const berth = spawn(path('../../node_modules/.bin/node'), [path('berth.ts'), ...process.argv.slice(2)], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => berth.kill(signal));
const [exitCode, signal] = await once(berth, 'exit');
// The exit code that shells use for a process that a signal has ended.
process.exitCode = exitCode ?? 128 + constants.signals[signal];
