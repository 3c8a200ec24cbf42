/** `berth <command> ...`: runs a command, and prints an error as one line. `npx berth` runs it through berth.mjs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, CommandError, WRONG_USE } from './command.ts';
import { ConfigError } from '../config/error.ts';
import { StoreError } from '../storage/object-store.ts';
import { bucket } from './commands/bucket.ts';
import { du } from './commands/du.ts';
import { garbageCollect } from './commands/garbage-collect.ts';
import { htpasswd } from './commands/htpasswd.ts';
import { LaunchError } from './launch-error.ts';
import { serve } from './commands/serve.ts';
import { verify } from './commands/verify.ts';

const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.entries({ serve, 'garbage-collect': garbageCollect, verify, du, bucket, htpasswd }),
);

const [name = '', ...args] = process.argv.slice(2);
try {
  process.exitCode = await run();
} catch (error) {
  const exitCode = exitCodeOf(error);
  if (exitCode === undefined) throw error;
  const prefix = COMMANDS.has(name) ? `berth ${name}` : 'berth';
  process.stderr.write(`${prefix}: ${(error as Error).message}\n`);
  process.exitCode = exitCode;
}
// Timers of calls that were answered long ago would keep the process alive.
process.exit();

/** Undefined for a bug in this program. */
function exitCodeOf(error: unknown): number | undefined {
  if (error instanceof CommandError) return error.exitCode;
  if (error instanceof ConfigError || error instanceof LaunchError) return WRONG_USE;
  return error instanceof StoreError ? 1 : undefined;
}

async function run(): Promise<number> {
  if (['help', '--help', '-h'].includes(name)) return print(args[0] === undefined ? help() : find(args[0]).usage);
  if (['version', '--version'].includes(name)) return print(`berth ${version()}`);
  const command = find(name);
  return args[0] === '--help' ? print(command.usage) : command.run(args);
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

function find(wanted: string): Command {
  const command = COMMANDS.get(wanted);
  if (command !== undefined) return command;
  const problem = wanted === '' ? 'a command is missing' : `${wanted} is not a command`;
  throw new CommandError(`${problem} (berth help lists the commands)`, WRONG_USE);
}

function help(): string {
  const commands = [...COMMANDS].map(([each, { summary }]) => `  ${each.padEnd(17)}${summary}`);
  return [
    'Usage: berth <command> ...',
    '',
    ...commands,
    '  help             print the usage of a command: berth help <command>',
    '  version          print the version',
  ].join('\n');
}

function version(): string {
  const text = readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
