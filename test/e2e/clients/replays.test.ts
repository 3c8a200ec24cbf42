/**
 * Replays the requests of clients that a test machine can't have, or not in that version, by their source code. Each answer must
 * have everything that the client needs to continue.
 */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { bodyOf, digestOf, freshName, imageManifest, OCI_IMAGE, OCI_INDEX, streamOf } from '../../support/api-client.ts';
import { describeReplay } from '../../support/clients.ts';
import { describeOnEachStore, describeOnS3, type Registry } from '../../support/each-store.ts';
import { MIB } from '../../support/images.ts';
import { Replay } from '../../support/replay.ts';

const DOCKER_IMAGE = 'application/vnd.docker.distribution.manifest.v2+json';
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
const OCTETS = { 'Content-Type': 'application/octet-stream' };

describeOnEachStore('replays', (registry) => {
  const replay = new Replay(() => registry().url);

  // core/remotes/docker/{resolver,pusher,fetcher}.go
  describeReplay('containerd (Docker 29, nerdctl, buildkit)', '2.4.2', () => {
    const ACCEPT_BLOB = { Accept: `${OCI_LAYER}, */*` };
    const ACCEPT_MANIFEST = { Accept: `${OCI_IMAGE}, */*` };
    const RESOLVE = { Accept: [DOCKER_IMAGE, DOCKER_LIST, OCI_IMAGE, OCI_INDEX, '*/*'].join(', ') };
    const FETCH = { ...ACCEPT_BLOB, 'Accept-Encoding': 'zstd;q=1.0, gzip;q=0.8, deflate;q=0.5' };

    async function push(name: string, content: Uint8Array): Promise<string> {
      const digest = digestOf(content);
      await replay.expect(404, 'HEAD', `/v2/${name}/blobs/${digest}`, { headers: ACCEPT_BLOB });
      const begun = await replay.expect(202, 'POST', `/v2/${name}/blobs/uploads/`);
      const options = { headers: OCTETS, body: content };
      const stored = await replay.expect(201, 'PUT', replay.next(begun, { digest }), options);
      expect(stored.headers.get('Docker-Content-Digest')).toBe(digest);
      const found = await replay.expect(200, 'HEAD', `/v2/${name}/blobs/${digest}`, { headers: ACCEPT_BLOB });
      expect(found.headers.get('Content-Length')).toBe(String(content.length));
      return digest;
    }

    test('HEAD, POST and one PUT for each blob, then the manifest by its tag', async () => {
      const name = freshName();
      const [config, layer] = [Buffer.from('{}'), randomBytes(9 * MIB)];
      const manifest = imageManifest(await push(name, config), config.length, [
        { digest: await push(name, layer), size: layer.length },
      ]);
      const digest = digestOf(Buffer.from(manifest));
      const path = `/v2/${name}/manifests/latest`;
      await replay.expect(404, 'HEAD', path, { headers: ACCEPT_MANIFEST });
      const put = { headers: { 'Content-Type': OCI_IMAGE }, body: Buffer.from(manifest) };
      expect((await replay.expect(201, 'PUT', path, put)).headers.get('Docker-Content-Digest')).toBe(digest);

      const resolved = await replay.expect(200, 'HEAD', path, { headers: RESOLVE });
      expect(Object.fromEntries(resolved.headers)).toMatchObject({
        'content-type': OCI_IMAGE,
        'content-length': String(manifest.length),
        'docker-content-digest': digest,
      });
      const pulled = await replay.expect(200, 'GET', `/v2/${name}/manifests/${digest}`, { headers: ACCEPT_MANIFEST });
      expect(await pulled.text()).toBe(manifest);
    });

    test('a layer in parallel ranges without an end, each broken off after its part', async () => {
      const [name, layer] = [freshName(), randomBytes(9 * MIB + 5)];
      const path = `/v2/${name}/blobs/${await push(name, layer)}`;
      const partBytes = 2 * MIB;
      const parts = Array.from({ length: Math.ceil(layer.length / partBytes) }, async (_, index) => {
        const offset = index * partBytes;
        const response = await replay.pull(206, path, { ...FETCH, Range: `bytes=${offset}-` });
        expect(response.headers.get('Content-Range')).toBe(`bytes ${offset}-${layer.length - 1}/${layer.length}`);
        expect([null, 'identity']).toContain(response.headers.get('Content-Encoding'));
        return await replay.firstBytes(response, partBytes);
      });
      expect(Buffer.concat(await Promise.all(parts)).equals(layer)).toBe(true);
    });

    test('a pull that broke off continues at its offset', async () => {
      const [name, layer] = [freshName(), randomBytes(3 * MIB)];
      const path = `/v2/${name}/blobs/${await push(name, layer)}`;
      const beginning = await replay.firstBytes(await replay.pull(200, path, FETCH), MIB);
      const rest = await replay.pull(206, path, { ...FETCH, Range: `bytes=${MIB}-` });
      expect(Buffer.concat([beginning, await bodyOf(rest)]).equals(layer)).toBe(true);
    });

    test('a mount from a repository that has the blob, and an upload where the repository does not', async () => {
      const [name, source, layer] = [freshName(), freshName(), randomBytes(1000)];
      const mount = `?mount=${await push(source, layer)}&from=${source}`;
      await replay.expect(201, 'POST', `/v2/${name}/blobs/uploads/${mount}`);
      const [other, absent] = [freshName(), randomBytes(1000)];
      const digest = digestOf(absent);
      const begun = await replay.expect(202, 'POST', `/v2/${other}/blobs/uploads/?mount=${digest}&from=${source}`);
      await replay.expect(201, 'PUT', replay.next(begun, { digest }), { headers: OCTETS, body: absent });
    });
  });

  // go-containerregistry, pkg/v1/remote/{check,write,fetcher}.go
  describeReplay('kaniko', 'go-containerregistry 0.22.1', () => {
    const JSON_TYPE = { headers: { 'Content-Type': 'application/json' } };

    test('a POST only to check whether it is allowed to push', async () => {
      const begun = await replay.expect(202, 'POST', `/v2/${freshName()}/blobs/uploads/`, JSON_TYPE);
      expect(begun.headers.get('Location')).toContain('/blobs/uploads/');
    });

    test.for([
      ['with its length', false],
      ['of unknown length', true],
    ] as const)('HEAD, POST, a PATCH %s and an empty PUT', async ([, streamed]) => {
      const [name, layer] = [freshName(), randomBytes(9 * MIB)];
      const digest = digestOf(layer);
      await replay.expect(404, 'HEAD', `/v2/${name}/blobs/${digest}`);
      const begun = await replay.expect(202, 'POST', `/v2/${name}/blobs/uploads/`, JSON_TYPE);
      const body = streamed ? streamOf(layer) : layer;
      const sent = await replay.expect(202, 'PATCH', replay.next(begun), { headers: OCTETS, body });
      expect(sent.headers.get('Range')).toBe(`0-${layer.length - 1}`);
      await replay.expect(201, 'PUT', replay.next(sent, { digest }), { headers: OCTETS });
      await replay.expect(200, 'HEAD', `/v2/${name}/blobs/${digest}`);
    });
  });

  describeReplay('jib', '0.28', () => jibPushes(replay));

  // cache/remotecache/export.go, with image-manifest=false as it was by default before 0.21
  describeReplay('buildkit, cache of older versions', '0.34.2', () => {
    const CACHE_CONFIG = 'application/vnd.buildkit.cacheconfig.v0';

    test('an index whose children are layers, and a pull of each', async () => {
      const name = freshName();
      const contents = [randomBytes(2000), Buffer.from('{"layers":[]}')];
      const children = contents.map((content, index) => ({
        mediaType: index === 0 ? OCI_LAYER : CACHE_CONFIG,
        digest: digestOf(content),
        size: content.length,
      }));
      const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: children }));
      const put = { headers: { 'Content-Type': OCI_INDEX }, body: index };
      // The index is refused before its layers exist.
      await replay.expect(404, 'PUT', `/v2/${name}/manifests/cache`, put);
      for (const content of contents) {
        const begun = await replay.expect(202, 'POST', `/v2/${name}/blobs/uploads/`);
        const next = replay.next(begun, { digest: digestOf(content) });
        await replay.expect(201, 'PUT', next, { headers: OCTETS, body: content });
      }
      await replay.expect(201, 'PUT', `/v2/${name}/manifests/cache`, put);

      const pulled = await replay.expect(200, 'GET', `/v2/${name}/manifests/cache`, { headers: { Accept: `${OCI_INDEX}, */*` } });
      expect(digestOf(await bodyOf(pulled))).toBe(digestOf(index));
      for (const { digest } of children)
        expect(digestOf(await bodyOf(await replay.pull(200, `/v2/${name}/blobs/${digest}`)))).toBe(digest);
    });
  });

  // scheme/reg/{blob,manifest}.go; what regctl does by itself is in regctl.test.ts
  describeReplay('regctl, after a failure', '0.11.7', () => {
    test('a mount without a source, a PUT that fails, chunks to the same upload, and tags beside the digest', async () => {
      const [name, content] = [freshName(), randomBytes(5000)];
      const digest = digestOf(content);
      const begun = await replay.expect(202, 'POST', `/v2/${name}/blobs/uploads/?mount=${digest}`);
      const damaged = { headers: OCTETS, body: randomBytes(content.length) };
      await replay.expect(400, 'PUT', replay.next(begun, { digest }), damaged);

      let last = begun;
      for (let start = 0; start < content.length; start += 2000) {
        const body = content.subarray(start, start + 2000);
        const headers = { ...OCTETS, 'Content-Range': `${start}-${start + body.length - 1}` };
        last = await replay.expect(202, 'PATCH', replay.next(last), { headers, body });
        expect(last.headers.get('Range')).toBe(`0-${start + body.length - 1}`);
      }
      await replay.expect(201, 'PUT', replay.next(last, { digest }), { headers: OCTETS });

      const manifest = Buffer.from(imageManifest(digest, content.length, []));
      const path = `/v2/${name}/manifests/${digestOf(manifest)}?tag=one&tag=two`;
      const put = await replay.expect(201, 'PUT', path, { headers: { 'Content-Type': OCI_IMAGE }, body: manifest });
      expect(put.headers.get('OCI-Tag')).toBe('one, two');
      await replay.expect(200, 'HEAD', `/v2/${name}/manifests/two`);
    });

    test('a cancelled upload', async () => {
      const begun = await replay.expect(202, 'POST', `/v2/${freshName()}/blobs/uploads/`);
      const options = { headers: { ...OCTETS, 'Content-Range': '0-999' }, body: randomBytes(1000) };
      const sent = await replay.expect(202, 'PATCH', replay.next(begun), options);
      await replay.expect(204, 'DELETE', replay.next(sent));
      await replay.expect(404, 'GET', replay.next(sent));
    });
  });
});

describeOnS3('replays, relative locations', { REGISTRY_HTTP_RELATIVEURLS: 'true' }, (registry: () => Registry) => {
  jibPushes(new Replay(() => registry().url));
});

/** jib-core/src/main/java/com/google/cloud/tools/jib/registry/{BlobChecker,BlobPusher,ManifestPusher}.java */
function jibPushes(replay: Replay): void {
  const GZIP = { 'Accept-Encoding': 'gzip' };

  async function push(name: string, content: Uint8Array): Promise<{ digest: string; size: number }> {
    const digest = digestOf(content);
    const blob = `/v2/${name}/blobs/${digest}`;
    expect(await (await replay.expect(404, 'HEAD', blob, { headers: GZIP })).text()).toBe('');
    const begun = await replay.expect(202, 'POST', `/v2/${name}/blobs/uploads/?mount=${digest}&from=team/base`, {
      headers: GZIP,
    });
    const body = streamOf(content);
    const sent = await replay.expect(202, 'PATCH', replay.next(begun), { headers: { ...GZIP, ...OCTETS }, body });
    await replay.expect(201, 'PUT', replay.next(sent, { digest }), { headers: GZIP });
    const found = await replay.expect(200, 'HEAD', blob, { headers: GZIP });
    expect(found.headers.get('Content-Length')).toBe(String(content.length));
    return { digest, size: content.length };
  }

  test('HEAD, POST with a mount that fails, a chunked PATCH and an empty PUT, then the manifest', async () => {
    const name = freshName();
    const config = await push(name, Buffer.from('{}'));
    const layers = [await push(name, randomBytes(9 * MIB))];
    const manifest = Buffer.from(imageManifest(config.digest, config.size, layers, { mediaType: DOCKER_IMAGE }));
    const put = { headers: { ...GZIP, 'Content-Type': DOCKER_IMAGE }, body: streamOf(manifest) };
    const pushed = await replay.expect(201, 'PUT', `/v2/${name}/manifests/latest`, put);
    expect(pushed.headers.get('Docker-Content-Digest')).toBe(digestOf(manifest));
  });
}
