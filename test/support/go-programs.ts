import { execFileSync } from 'node:child_process';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { findProgram } from './programs.ts';

/** The path of a program: on PATH, or in the folder of `go install`, which is rarely on PATH. */
export function findGoProgram(name: string): string | undefined {
  return findProgram(name, goFolders());
}

function goFolders(): string[] {
  const { GOBIN } = process.env;
  if (GOBIN !== undefined && GOBIN !== '') return [GOBIN];
  return goPath()
    .split(delimiter)
    .map((folder) => join(folder, 'bin'));
}

function goPath(): string {
  const go = findProgram('go', ['/usr/local/go/bin']);
  const asked = go === undefined ? '' : execFileSync(go, ['env', 'GOPATH'], { encoding: 'utf8', timeout: 10_000 }).trim();
  return asked === '' ? join(homedir(), 'go') : asked;
}
