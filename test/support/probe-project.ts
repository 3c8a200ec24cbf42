import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const thisProject = join(import.meta.dirname, '../..');

/** Answers with its bindings, its environment and the runs of its schedule, without the launcher's own variables. */
const PROBE_WORKER = `
let crons = [];
const withoutLauncherVars = ({ BERTH_EMULATED: _, BERTH_ON_LOOPBACK: __, BERTH_STORE_KEY: ___, ...others }) => others;
export default {
  fetch(request, env) {
    const { BUCKET: _, ...vars } = env;
    console.log('asked for ' + new URL(request.url).pathname);
    return Response.json({ vars: withoutLauncherVars(vars), processEnv: withoutLauncherVars(process.env), crons });
  },
  scheduled(event) {
    crons.push(event.cron);
  },
};
`;

export interface Probe {
  readonly vars: Record<string, unknown>;
  readonly processEnv: Record<string, string>;
  readonly crons: string[];
}

export async function askProbe(url: string): Promise<Probe> {
  return (await fetch(url)).json<Probe>();
}

export interface ProbeProject {
  readonly folder: string;
  remove(): Promise<void>;
}

/** A copy of this checkout with its launcher and packages, and with a worker that reports the variables it got. */
export async function makeProbeProject(files: Readonly<Record<string, string>> = {}): Promise<ProbeProject> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-probe-'));
  for (const path of ['package.json', 'package-lock.json', 'wrangler.toml', 'src'])
    await cp(join(thisProject, path), join(folder, path), { recursive: true });
  await symlink(join(thisProject, 'node_modules'), join(folder, 'node_modules'));
  for (const [path, text] of Object.entries({ 'src/worker.ts': PROBE_WORKER, ...files }))
    await writeFile(join(folder, path), text);
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}
