import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';

// Code that oxlint, set up as in .oxlintrc.json, has to refuse: file, code, rule.
const REFUSED = [
  ['src/domain/a.ts', "import '../storage/keys.ts';", 'no-restricted-imports'],
  ['src/domain/b.ts', "import type { Config } from '../config/config.ts'; export type { Config };", 'no-restricted-imports'],
  ['src/domain/c.ts', "import 'node:fs';", 'no-restricted-imports'],
  ['src/domain/d.ts', "export const answer = await fetch('http://localhost');", 'no-restricted-globals'],
  ['src/storage/a.ts', "export * from '../registry/blobs.ts';", 'no-restricted-imports'],
  ['src/storage/b.ts', "import 'hono';", 'no-restricted-imports'],
  ['src/storage/d.ts', "import '../config/config.ts';", 'no-restricted-imports'],
  ['src/registry/a.ts', "import '../storage/s3.ts';", 'no-restricted-imports'],
  ['src/registry/b.ts', "import '../storage/r2.ts';", 'no-restricted-imports'],
  ['src/registry/c.ts', "import '../storage/memory.ts';", 'no-restricted-imports'],
  ['src/registry/d.ts', "export const app = await import('../http/app.ts');", 'no-restricted-imports'],
  ['src/registry/e.ts', "import '@aws-sdk/client-s3';", 'no-restricted-imports'],
  ['src/registry/gc/a.ts', "import '../../storage/s3.ts';", 'no-restricted-imports'],
  ['src/registry/gc/b.ts', "import '../../http/app.ts';", 'no-restricted-imports'],
  ['src/auth/a.ts', "import '../registry/blobs.ts';", 'no-restricted-imports'],
  ['src/http/a.ts', "import '../storage/s3.ts';", 'no-restricted-imports'],
  ['src/http/b.ts', "import '../wiring/compose.ts';", 'no-restricted-imports'],
  ['src/http/c.ts', "import 'node:http';", 'no-restricted-imports'],
  ['src/auth/b.ts', "import '../storage/object-store.ts';", 'no-restricted-imports'],
  ['src/config/config.ts', "import '../storage/keys.ts';", 'no-restricted-imports'],
  ['src/config/a.ts', "import '../auth/users.ts';", 'no-restricted-imports'],
  ['src/wiring/compose.ts', "import '../cli/start.ts';", 'no-restricted-imports'],
  ['src/worker.ts', "import 'node:process';", 'no-restricted-imports'],
  ['src/other.ts', "import 'node:fs';", 'no-restricted-imports'],
  ['src/http/d.ts', 'export const environment = process.env;', 'no-restricted-globals'],
  ['src/http/e.ts', 'export const environment = globalThis.process;', 'no-restricted-globals'],
  ['src/storage/c.ts', "export const bytes = Buffer.from('');", 'no-restricted-globals'],
  ['src/registry/f.ts', 'const later = async () => {}; later();', 'no-floating-promises'],
] as const;

const ALLOWED = [
  ['src/domain/ok.ts', "import './digest.ts'; import 'node:crypto'; import 'zod';"],
  ['src/storage/ok.ts', "import '../domain/digest.ts'; import '@aws-sdk/client-s3'; import 'node:buffer';"],
  ['src/registry/ok.ts', "import '../domain/digest.ts'; import '../storage/object-store.ts'; import '../storage/cell.ts';"],
  ['src/auth/ok.ts', "import '../domain/digest.ts'; import '../lib/recent-cache.ts'; import 'jose'; import 'bcryptjs';"],
  ['src/config/ok.ts', "import '../domain/htpasswd.ts'; import './error.ts'; import 'yaml'; import 'zod';"],
  [
    'src/config/config.ts',
    "import './domain/htpasswd.ts'; import './config/auth.ts'; import type { S3Config } from './storage/s3.ts'; export type { S3Config };",
  ],
  ['src/http/ok.ts', "import '../registry/blobs.ts'; import '../domain/failure.ts'; import 'hono';"],
  ['src/wiring/compose.ts', "import '../storage/s3.ts'; import '../registry/blobs.ts'; import '../http/app.ts';"],
  ['src/cli/ok.ts', "import 'node:fs'; export const environment = process.env;"],
] as const;

describe('lint', () => {
  const refusing = temporaryFolder();
  const allowing = temporaryFolder();
  let refused: string[];

  beforeAll(async () => {
    refused = await lint(refusing(), REFUSED);
  });

  test.each(REFUSED)('refuses in %s: %s', (file, _code, rule) => {
    expect(refused).toContain(`${file}: ${rule}`);
  });

  test('lets through what the layers are for', async () => {
    expect(await lint(allowing(), ALLOWED)).toEqual([]);
  });
});

interface Report {
  readonly diagnostics: readonly { readonly filename: string; readonly code: string }[];
}

/** Writes the files below `folder`, lints them, and returns `file: rule` of each that the tested rules found. */
async function lint(folder: string, files: readonly (readonly [file: string, code: string, ...unknown[]])[]): Promise<string[]> {
  await writeFile(
    join(folder, 'tsconfig.json'),
    '{ "compilerOptions": { "strict": true, "module": "esnext", "target": "esnext" } }',
  );
  for (const [file, code] of files) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), `${code}\n`);
  }
  const root = join(import.meta.dirname, '../..');
  const oxlint = join(root, 'node_modules/.bin/oxlint');
  const args = ['--type-aware', '--format=json', '--config', join(root, '.oxlintrc.json'), 'src'];
  // It exits with 1 where it finds something, which is what it is here for.
  const { stdout } = await promisify(execFile)(oxlint, args, { cwd: folder }).catch((error: { stdout: string }) => error);
  const { diagnostics } = JSON.parse(stdout) as Report;
  const found = diagnostics.map(({ filename, code }) => `${filename}: ${/\((.*)\)/.exec(code)?.[1]}`);
  return found.filter((line) => /no-restricted-|no-floating-/.test(line));
}
