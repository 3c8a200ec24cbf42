import { execFileSync } from 'node:child_process';
import { describe } from 'vitest';
import { findGoProgram } from './go-programs.ts';
import { missingDaemon, missingGoProgram, missingProgram, missingRoot } from './needs-node.ts';
import { describeUnless, type Missing } from './needs.ts';
import { findProgram, run, type RunOptions } from './programs.ts';
import { temporaryFolder } from './temporary-folder.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** Whose requests the suite's tests make: a row each in docs/clients.md. */
    client?: { readonly name: string; readonly version: string | undefined };
  }
}

/** Long enough for a machine that has much else to do. */
const TIMEOUT_MS = 240_000;

/** A program that people push and pull with. */
export interface Client {
  readonly name: string;
  readonly missing: Missing;
  /** It is missing where nobody asked for it: a run that requires everything does without. */
  readonly isOptional?: boolean;
  /** The path of the program; asked for only where it isn't missing. */
  readonly path: () => string;
  readonly version: () => string;
}

/** Runs the client, at home in the suite's folder; what it printed. */
export type RunClient = (args: readonly string[], options?: Pick<RunOptions, 'env' | 'input'>) => Promise<string>;

/** The suite of one client; each test is named by what the client does in it. */
export function describeClient(client: Client, tests: (run: RunClient, folder: (...path: string[]) => string) => void): void {
  const { name, missing, path, isOptional = false } = client;
  const version = missing === undefined ? client.version() : undefined;
  const suite = () => {
    const folder = temporaryFolder();
    // A home of its own, so that nobody's settings and credentials take part.
    const env = () => ({ PATH: process.env['PATH'], HOME: folder() });
    tests((args, options) => run(path(), args, { cwd: folder(), ...options, env: { ...env(), ...options?.env } }), folder);
  };
  describeUnless(missing, name, suite, { meta: { client: { name, version }, isOptional }, timeout: TIMEOUT_MS });
}

/**
 * Tests that send a client's requests without having it.
 *
 * @param version - of the sources that tell which requests these are
 */
export function describeReplay(name: string, version: string, tests: () => void): void {
  describe(name, { meta: { client: { name: `${name}, replayed`, version } } }, tests);
}

/** @param debianPackage - that brings the program */
export function debianClient(name: string, debianPackage = name): Client {
  const path = () => findProgram(name) as string;
  return { name, missing: missingProgram(name, debianPackage), path, version: () => toldVersion(path()) };
}

/** A client that works as root: a daemon, which the suite has to start, or one that unpacks images with everybody's files. */
export function rootClient(name: string, program = name, debianPackage = program): Client {
  return { ...debianClient(program, debianPackage), name, missing: missingDaemon(program, debianPackage) };
}

/**
 * A daemon that takes minutes to build.
 *
 * @param script - that builds it
 * @param askedBy - the variable that makes its absence a failure where everything is required
 */
export function builtClient(name: string, program: string, script: string, askedBy: string): Client {
  const path = findGoProgram(program);
  const notFound = path === undefined ? `${program} was not found: \`${script}\` builds it` : undefined;
  const missing = missingRoot(program) ?? notFound;
  const isOptional = process.env[askedBy] !== '1';
  return { name, missing, isOptional, path: () => path as string, version: () => toldVersion(path as string) };
}

/** @param module - with the package that is the program, as `go install` takes it */
export function goClient(name: string, module: string): Client {
  const path = () => findGoProgram(name) as string;
  return { name, missing: missingGoProgram(name, module), path, version: () => builtVersion(path()) };
}

const VERSION = /\bv?(\d+\.\d+\.\d+)/;

const toldVersion = (path: string) => versionIn(execFileSync(path, ['--version'], { encoding: 'utf8', timeout: 30_000 }));

/** Of a Go program's main module, which not every program tells itself. */
function builtVersion(path: string): string {
  const go = findProgram('go', ['/usr/local/go/bin']);
  if (go === undefined) return 'unknown';
  const built = execFileSync(go, ['version', '-m', path], { encoding: 'utf8', timeout: 30_000 });
  return versionIn(built.split('\n').find((line) => line.startsWith('\tmod\t')) ?? '');
}

const versionIn = (text: string) => VERSION.exec(text)?.[1] ?? 'unknown';
