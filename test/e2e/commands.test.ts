import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ApiClient, bodyOf, bytesOf } from '../support/api-client.ts';
import { berthBeside, startBerth } from '../support/berth.ts';
import { describeUnless, missingS3 } from '../support/needs.ts';
import { processTree, survivorsAfter } from '../support/process-tree.ts';
import { openS3Place, type S3Place } from '../support/s3-place.ts';
import { type Server, startServer } from '../support/server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const TIMEOUT_MS = 180_000;
/** Without a grace period: unreferenced data is deleted in three runs, or four where the storage's times are whole seconds. */
const AT_ONCE = ['--force', '--grace-period', '0s', '--json'];

interface Bucket {
  readonly settings: Readonly<Record<string, string>>;
  readonly dataFolder: string;
}

/** Pushes through a running registry. Then runs commands beside it, and after it has stopped. */
function suite(open: () => Bucket) {
  let server: Server;
  const client = new ApiClient((path, init) => fetch(server.url + path, init));
  const run = async (...args: string[]) => {
    const { settings, dataFolder } = open();
    return berthBeside(args, { ...settings, BERTH_DATA: dataFolder });
  };
  const report = async (...args: string[]) => {
    const { stdout, stderr, exitCode } = await run(...args);
    expect(stderr).toBe('');
    return { exitCode, report: JSON.parse(stdout) as unknown };
  };
  const start = async () => {
    const { settings, dataFolder } = open();
    server = await startServer({ env: settings, dataFolder });
  };
  let isRunning = false;
  beforeAll(async () => {
    await start();
    isRunning = true;
  }, TIMEOUT_MS);
  afterAll(async () => {
    if (isRunning) await server.stop();
  }, TIMEOUT_MS);

  interface Collected {
    readonly collection: Readonly<
      Record<'condemnedLinks' | 'deadLinks' | 'unheldObjects' | 'deletedObjects' | 'deletedBytes', number>
    >;
  }
  const collectOnce = async (...more: string[]) => {
    const { exitCode, report: printed } = await report('garbage-collect', ...AT_ONCE, ...more);
    expect(exitCode).toBe(0);
    return (printed as Collected).collection;
  };

  test('garbage is deleted while the registry runs and while it does not; the rest stays', { timeout: TIMEOUT_MS }, async () => {
    const image = await client.pushImage('app', 'latest', bytesOf('a layer'));
    await client.push('app', bytesOf('never named'));
    // The storage's times may be whole seconds.
    const pass = () => new Promise((resolve) => setTimeout(resolve, 1100));
    await pass();
    expect(await collectOnce('--dry-run')).toMatchObject({ condemnedLinks: 1 });
    expect(await collectOnce()).toMatchObject({ condemnedLinks: 1, deadLinks: 0 });
    await pass();
    expect(await collectOnce()).toMatchObject({ deadLinks: 1, deletedObjects: 0 });
    await server.stop();
    isRunning = false;
    const looks: Collected['collection'][] = [];
    while (looks.length < 2 && looks.at(-1)?.deletedObjects !== 1) {
      await pass();
      looks.push(await collectOnce());
    }
    expect(looks.at(-1)).toMatchObject({ deletedObjects: 1, deletedBytes: 'never named'.length });
    const verified = await report('verify', '--json');
    expect(verified).toMatchObject({
      exitCode: 0,
      report: { objects: 2, missing: [], corrupt: [], unreferenced: { objects: 0 } },
    });
    await start();
    isRunning = true;
    expect(await bodyOf(await client.pull('app', image.layerDigest))).toEqual(bytesOf('a layer'));
    expect((await report('verify', '--json', 'app')).report).toMatchObject({ repositories: 1 });
  });

  test('reports are lines for people, with exit code 0 where all is well', { timeout: TIMEOUT_MS }, async () => {
    const collected = await run('garbage-collect', '-d');
    expect(collected.exitCode).toBe(0);
    expect(collected.stdout).toMatch(/^Seen: \d+ repositor(y|ies), .*\nWould delete: .*\nWould wait .*\n$/);
    const used = await run('du');
    expect(used).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^ +9 B {2}app {2}\(1 tag, 1 manifest, 2 blobs\)\n/),
    });
    const read = await run('verify');
    expect(read).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/\nMissing: 0, corrupt: 0, repaired: 0\n/) });
  });
}

describe('commands on the embedded store', () => {
  const folder = temporaryFolder();
  suite(() => ({ settings: {}, dataFolder: folder('data') }));

  test(
    'a command that is interrupted while it opens the store leaves no process and no lock',
    { timeout: TIMEOUT_MS },
    async () => {
      const settings = { BERTH_DATA: folder('of its own') };
      const collecting = startBerth(['garbage-collect'], settings);
      // Wrangler and its children have started.
      await vi.waitUntil(() => processTree(collecting.pid!).length > 2, { timeout: TIMEOUT_MS, interval: 5 });
      const processes = processTree(collecting.pid!);
      expect((await interrupted(collecting)).exitCode).toBe(130);
      expect(await survivorsAfter(0, processes)).toEqual([]);
      expect((await berthBeside(['garbage-collect'], settings)).exitCode).toBe(0);
    },
  );
});

/**
 * Sends Ctrl-C.
 * @param when - on stderr, before it is sent
 */
async function interrupted(command: ReturnType<typeof startBerth>, when = /^/): Promise<{ exitCode: number | null }> {
  let printed = '';
  command.stderr.setEncoding('utf8').on('data', (text: string) => (printed += text));
  const exited = once(command, 'exit');
  await vi.waitUntil(() => when.test(printed), { timeout: TIMEOUT_MS, interval: 5 });
  command.kill('SIGINT');
  const [exitCode] = (await exited) as [number | null];
  return { exitCode };
}

describeUnless(missingS3(), 'commands on a bucket, MinIO', () => {
  const folder = temporaryFolder();
  let place: S3Place;
  beforeAll(async () => void (place = await openS3Place()), TIMEOUT_MS);
  afterAll(() => place.close(), TIMEOUT_MS);
  suite(() => ({ settings: place.settings, dataFolder: folder('data') }));

  test(
    'an interrupted collection ends at once with 130, and the next run does all of its work',
    { timeout: TIMEOUT_MS },
    async () => {
      place.traffic?.ofApp.delayBy(1000);
      const { exitCode } = await interrupted(startBerth(['garbage-collect'], place.settings), /Collecting in/);
      place.traffic?.ofApp.delayBy(0);
      expect(exitCode).toBe(130);
      expect((await berthBeside(['garbage-collect'], place.settings)).exitCode).toBe(0);
    },
  );

  test('an object that was lost in the bucket is reported in one line', { timeout: TIMEOUT_MS }, async () => {
    const { objects } = await place.store.list({ prefix: 'objects/' });
    await place.store.delete(objects.slice(0, 1).map(({ key }) => key));
    const { exitCode, stderr } = await berthBeside(['verify', '--repair', '-q'], place.settings);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /^missing: app: blob sha256:[0-9a-f]{64}: its bytes are missing; its link was deleted, so that a push can restore it\n$/,
    );
  });

  test('a storage without rules against abandoned uploads is reported', { timeout: TIMEOUT_MS }, async () => {
    const { exitCode, stdout, stderr } = await berthBeside(['bucket', 'init'], place.settings);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
    expect(stderr).toMatch(/^bucket .+: this storage supports no such rule\. .+\n$/);
  });
});

test.each([
  [['garbage-collect', '--bogus'], {}],
  [['garbage-collect', '--grace-period', '1m'], {}],
  [['garbage-collect', '--grace-period', 'soon'], {}],
  [['verify', 'NOT-A-NAME'], {}],
  [['garbage-collect', '/nowhere/config.yml'], {}],
  [['du', '--bogus'], {}],
  [['bucket'], {}],
  [['bucket', 'init'], {}],
  [['verify'], { REGISTRY_NONSENSE: '1' }],
  [['verify'], { REGISTRY_STORAGE_S3_BUCKET: 'bucket' }],
])('%s with %o is refused in one line, with exit code 2', async (args, env) => {
  const { exitCode, stdout, stderr } = await berthBeside(args, env);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  expect(stderr).toMatch(/^berth [a-z-]+: .+\n$/);
});
