/** The cost of authentication: the same requests with a token or a password, and to a registry without users. */
import { ApiClient, freshName } from '../support/api-client.ts';
import { cpuMilliseconds } from '../support/process-tree.ts';
import { type Server, startServer } from '../support/server.ts';
import { basic, htpasswd } from '../support/users.ts';
import { repeat, busyAgent } from './load.ts';
import { mustBe } from './reading.ts';
import { compare, type Comparison, interleave } from './rounds.ts';
import { berthSettings, type Storage } from './storage.ts';

export interface SigningInOptions {
  readonly storage: Storage;
  readonly rounds: number;
  /** For one side in one round. */
  readonly requests: number;
}

export interface SigningIn {
  readonly reference: 'digest' | 'tag';
  readonly by: 'token' | 'password';
  /** CPU time of the worker's process in microseconds a request. "berth" is the registry with users. */
  readonly cpu: Comparison;
}

const [USER, PASSWORD] = ['somebody', 'of a benchmark'];
/** Tokens must outlive the benchmark. */
const USERS = {
  REGISTRY_AUTH: 'htpasswd',
  REGISTRY_AUTH_HTPASSWD: htpasswd({ [USER]: PASSWORD }),
  REGISTRY_AUTH_HTPASSWD_TOKENLIFETIME: '1h',
};

/** Access logs are off: they cost the same on both sides. */
export async function compareSigningIn(options: SigningInOptions): Promise<SigningIn[]> {
  const settings = { ...berthSettings(options.storage), REGISTRY_LOG_ACCESSLOG_DISABLED: 'true' };
  const open = await startServer({ env: settings });
  try {
    const guarded = await startServer({ env: { ...settings, ...USERS } });
    try {
      return await compareServers(open, guarded, options);
    } finally {
      await guarded.stop();
    }
  } finally {
    await open.stop();
  }
}

async function compareServers(open: Server, guarded: Server, { rounds, requests }: SigningInOptions): Promise<SigningIn[]> {
  const name = freshName();
  const image = await new ApiClient((path, init) => fetch(open.url + path, init)).pushImage(name, 'latest');
  const agent = busyAgent();
  const cpuOf = async (server: Server, reference: string, headers: Record<string, string>) => {
    const url = `${server.url}/v2/${name}/manifests/${reference}`;
    const [pid, bodyBytes] = [server.workerdPid(), image.manifest.length];
    const start = cpuMilliseconds(pid);
    await repeat({ url, headers, bodyBytes }, agent, (begun) => begun < requests);
    return ((cpuMilliseconds(pid) - start) * 1000) / requests;
  };
  const credentials = { token: `Bearer ${await tokenOf(guarded, name)}`, password: basic(USER, PASSWORD) };
  const measured: SigningIn[] = [];
  try {
    for (const reference of ['digest', 'tag'] as const) {
      const at = reference === 'digest' ? image.digest : 'latest';
      for (const by of ['token', 'password'] as const) {
        const ours = () => cpuOf(guarded, at, { Authorization: credentials[by] });
        const theirs = () => cpuOf(open, at, {});
        measured.push({ reference, by, cpu: compare(await interleave(rounds, ours, theirs), (cpu) => cpu) });
      }
    }
    return measured;
  } finally {
    agent.destroy();
  }
}

async function tokenOf({ url }: Server, name: string): Promise<string> {
  const headers = { Authorization: basic(USER, PASSWORD) };
  const response = await fetch(`${url}/v2/_token?service=Berth&scope=repository:${name}:pull`, { headers });
  mustBe(response.status, 200, 'the status of a request for a token');
  const { token } = await response.json<{ token: string }>();
  return token;
}
