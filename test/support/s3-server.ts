import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startInBackground } from './background.ts';
import { freePort } from './free-port.ts';
import { findGoProgram } from './go-programs.ts';
import { isExecutable } from './programs.ts';

/** An S3 server of this run. Its data is in a temporary folder. */
export interface S3Server {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

/** How to start one kind of server. */
export interface S3ServerProgram {
  readonly name: string;
  readonly args: (place: { readonly folder: string; readonly address: string }) => readonly string[];
  /** Its whole environment: these servers would read hundreds of settings from the shell's. */
  readonly env: (keys: Pick<S3Server, 'accessKeyId' | 'secretAccessKey'>) => Readonly<Record<string, string>>;
  /** Answers 200 without credentials once the server is ready. */
  readonly readyPath: string;
}

/** Looks in the variable, on PATH, and where `go install` puts programs. */
export function findS3Server(name: string, variable: string): string | undefined {
  const given = process.env[variable];
  if (given === undefined || given === '') return findGoProgram(name);
  if (!isExecutable(given)) throw new Error(`${variable}=${given} is not a program`);
  return given;
}

export async function startS3Server(binary: string, { name, args, env, readyPath }: S3ServerProgram): Promise<S3Server> {
  const folder = await mkdtemp(join(tmpdir(), `berth-${name}-`));
  const address = `127.0.0.1:${await freePort()}`;
  const endpoint = `http://${address}`;
  const keys = { accessKeyId: randomBytes(8).toString('hex'), secretAccessKey: randomBytes(16).toString('hex') };
  const removeFolder = () => rm(folder, { recursive: true, force: true });
  try {
    const server = await startInBackground(binary, args({ folder, address }), {
      env: { HOME: folder, ...env(keys) },
      ready: async () => (await fetch(endpoint + readyPath, { signal: AbortSignal.timeout(2000) })).ok,
      readyWithinSeconds: 30,
    });
    const stop = async () => {
      await server.stop();
      await removeFolder();
    };
    return { endpoint, ...keys, pid: server.pid, stop };
  } catch (error) {
    await removeFolder();
    throw error;
  }
}
