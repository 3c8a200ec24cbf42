import { execFileSync } from 'node:child_process';
import { describe } from 'vitest';
import { findGoProgram } from './go-programs.ts';
import { missingDaemon, missingGoProgram, missingProgram, missingRoot } from './needs-node.ts';
import { describeUnless, type Missing } from './needs.ts';
import { findProgram, run, type RunOptions } from './programs.ts';
import { temporaryFolder } from './temporary-folder.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** The clients of the suite: each has a row in docs/clients.md. */
    client?: { readonly name: string; readonly version: string | undefined };
  }
}

/** Long enough for a busy machine. */
const TIMEOUT_MS = 240_000;

/** A program that pushes and pulls images. */
export interface Client {
  readonly name: string;
  readonly missing: Missing;
  /** It may be missing even where a run requires everything. */
  readonly isOptional?: boolean;
  /** The path of the program. Only called where it isn't missing. */
  readonly path: () => string;
  readonly version: () => string;
}

/** Runs the client, with the suite's folder as its home. Returns its output. */
export type RunClient = (args: readonly string[], options?: Pick<RunOptions, 'env' | 'input'>) => Promise<string>;

/** The suite of one client. The name of each test is an action of the client. */
export function describeClient(client: Client, tests: (run: RunClient, folder: (...path: string[]) => string) => void): void {
  const { name, missing, path, isOptional = false } = client;
  const version = missing === undefined ? client.version() : undefined;
  const suite = () => {
    const folder = temporaryFolder();
    // Its own home, without a user's settings and credentials.
    const env = () => ({ PATH: process.env['PATH'], HOME: folder() });
    tests((args, options) => run(path(), args, { cwd: folder(), ...options, env: { ...env(), ...options?.env } }), folder);
  };
  describeUnless(missing, name, suite, { meta: { client: { name, version }, isOptional }, timeout: TIMEOUT_MS });
}

/**
 * Tests that send the requests of a client without the program.
 *
 * @param version - of the client's sources, from which the requests were taken
 */
export function describeReplay(name: string, version: string, tests: () => void): void {
  describe(name, { meta: { client: { name: `${name}, replayed`, version } } }, tests);
}

/** @param debianPackage - with the program */
export function debianClient(name: string, debianPackage = name): Client {
  const path = () => findProgram(name) as string;
  return { name, missing: missingProgram(name, debianPackage), path, version: () => toldVersion(path()) };
}

/** A client that needs root: a daemon that the suite starts, or a program that unpacks images with files of other users. */
export function rootClient(name: string, program = name, debianPackage = program): Client {
  return { ...debianClient(program, debianPackage), name, missing: missingDaemon(program, debianPackage) };
}

/**
 * A daemon that takes minutes to build.
 *
 * @param script - builds it
 * @param askedBy - with this variable, a run that requires everything fails without it
 */
export function builtClient(name: string, program: string, script: string, askedBy: string): Client {
  const path = findGoProgram(program);
  const notFound = path === undefined ? `${program} was not found: \`${script}\` builds it` : undefined;
  const missing = missingRoot(program) ?? notFound;
  const isOptional = process.env[askedBy] !== '1';
  return { name, missing, isOptional, path: () => path as string, version: () => toldVersion(path as string) };
}

/** @param module - the module and package of the program, as for `go install` */
export function goClient(name: string, module: string): Client {
  const path = () => findGoProgram(name) as string;
  return { name, missing: missingGoProgram(name, module), path, version: () => builtVersion(path()) };
}

const VERSION = /\bv?(\d+\.\d+\.\d+)/;

const toldVersion = (path: string) => versionIn(execFileSync(path, ['--version'], { encoding: 'utf8', timeout: 30_000 }));

/** The version of a Go program's main module: not every program prints its version. */
function builtVersion(path: string): string {
  const go = findProgram('go', ['/usr/local/go/bin']);
  if (go === undefined) return 'unknown';
  const built = execFileSync(go, ['version', '-m', path], { encoding: 'utf8', timeout: 30_000 });
  return versionIn(built.split('\n').find((line) => line.startsWith('\tmod\t')) ?? '');
}

const versionIn = (text: string) => VERSION.exec(text)?.[1] ?? 'unknown';
