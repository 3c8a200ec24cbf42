import { mkdir, readFile } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import { describeClient, goClient } from '../../support/clients.ts';
import { describeOnEachStore } from '../../support/each-store.ts';

describeClient(goClient('helm', 'helm.sh/helm/v4/cmd/helm'), (run, folder) => {
  beforeAll(async () => {
    await run(['create', 'harbor']);
  });

  // Each test continues from the state in which the test before left the registry.
  describeOnEachStore('helm', (registry) => {
    const chart = () => `oci://${registry().host}/charts/harbor`;

    test('packages a chart, pushes it and pulls the same one', async () => {
      await run(['package', 'harbor', '--version=1.2.3']);
      await run(['push', '--plain-http', 'harbor-1.2.3.tgz', `oci://${registry().host}/charts`]);
      const out = `pulled from ${registry().host}`;
      await mkdir(folder(out));
      await run(['pull', '--plain-http', chart(), '--version=1.2.3', `--destination=${out}`]);
      const [pushed, pulled] = await Promise.all(
        [folder('harbor-1.2.3.tgz'), folder(out, 'harbor-1.2.3.tgz')].map((file) => readFile(file)),
      );
      expect(pulled?.equals(pushed as Buffer)).toBe(true);
    });

    test('pushes a newer version and finds the newest by a range of versions', async () => {
      await run(['package', 'harbor', '--version=1.3.0+build.7']);
      await run(['push', '--plain-http', 'harbor-1.3.0+build.7.tgz', `oci://${registry().host}/charts`]);
      expect(await run(['show', 'chart', '--plain-http', chart(), '--version=^1.2'])).toContain('version: 1.3.0+build.7');
    });

    test('shows a chart and its values', async () => {
      expect(await run(['show', 'chart', '--plain-http', chart(), '--version=1.2.3'])).toContain('version: 1.2.3');
      const values = await readFile(folder('harbor/values.yaml'), 'utf8');
      expect(await run(['show', 'values', '--plain-http', chart(), '--version=1.2.3'])).toContain(values.trimEnd());
    });
  });
});
