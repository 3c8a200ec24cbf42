import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { run } from '../support/programs.ts';

/** Describes the machine of the benchmark, and how busy it was before. */
export async function describeMachine(minio: string, dockerRegistry: string | undefined): Promise<string> {
  const processors = cpus();
  const gigabytes = Math.round(totalmem() / 1e9);
  const hardware = `${processors.length} cores (${processors[0]?.model ?? 'unknown'}), ${gigabytes} GB, Linux ${release()}`;
  const packages = ['wrangler', 'workerd'].map((name) => `${name} ${installedVersion(name)}`);
  const programs = [minio, dockerRegistry].filter((program) => program !== undefined);
  const others = await Promise.all(programs.map(versionOf));
  const load = `load average ${loadavg()[0]!.toFixed(1)} at the start`;
  return `${[hardware, `Node ${process.versions.node}`, ...packages, ...others].join(', ')}; ${load}.`;
}

function installedVersion(name: string): string {
  const path = join(import.meta.dirname, '../../node_modules', name, 'package.json');
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

/** The first line of the program's own version output, without paths and brackets. */
async function versionOf(program: string): Promise<string> {
  const [line = ''] = (await run(program, ['--version'])).split('\n');
  return line.replace(/ (version|\(.*\)|\S*\/\S*)(?= |$)/g, '').trim();
}
