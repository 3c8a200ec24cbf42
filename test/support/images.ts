import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'vitest';
import type { ApiClient } from './api-client.ts';
import { run } from './programs.ts';

/** Creates images without a network: an OCI layout for skopeo and ctr, a build context for Docker. */

export const MIB = 1024 * 1024;

const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

interface Index {
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
}

interface Image {
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

export interface Layout {
  readonly folder: string;
  /** Digests of the gzipped layers of all platforms. */
  readonly layers: readonly string[];
  /** The digest of the tag `latest`: of the manifest, or of the index where there are several platforms. */
  readonly digest: string;
}

interface LayoutOptions {
  /** Whether the index also has an attestation for each image, as from BuildKit. */
  readonly attested?: boolean;
}

/** Writes an OCI layout. Its tag `latest` is an image of one small and one larger layer, or an index of such images. */
export async function makeLayout(
  folder: string,
  platforms: readonly string[] = ['amd64'],
  { attested = false }: LayoutOptions = {},
): Promise<Layout> {
  await mkdir(join(folder, 'blobs/sha256'), { recursive: true });
  const layers: string[] = [];
  const manifests = [];
  for (const architecture of platforms) {
    const image = await writeImage(folder, architecture);
    layers.push(...image.layers);
    manifests.push(image.manifest);
    if (attested) manifests.push(await writeAttestation(folder, image.manifest));
  }
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
  const top = platforms.length > 1 ? await writeJson(folder, OCI_INDEX, index) : (manifests[0] as Descriptor);
  const named = { ...top, annotations: { 'org.opencontainers.image.ref.name': 'latest' } };
  await writeFile(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [named] }));
  await writeFile(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  return { folder, layers, digest: top.digest };
}

async function writeImage(folder: string, architecture: string) {
  const tars = [
    await tarOf(folder, 'hello.txt', Buffer.from(`hello from ${architecture}\n`)),
    await tarOf(folder, 'data.bin', randomBytes(9 * MIB)),
  ];
  const layers = [];
  for (const tar of tars) layers.push(await writeBlob(folder, OCI_LAYER, gzipSync(tar)));
  const platform = { os: 'linux', architecture };
  const rootfs = { type: 'layers', diff_ids: tars.map(sha256) };
  const config = await writeJson(folder, OCI_CONFIG, { ...platform, config: {}, rootfs });
  const manifest = await writeJson(folder, OCI_MANIFEST, { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers });
  return { manifest: { ...manifest, platform }, layers: layers.map(({ digest }) => digest) };
}

/** https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md */
async function writeAttestation(folder: string, { digest }: Descriptor) {
  const statement = Buffer.from(JSON.stringify({ _type: 'https://in-toto.io/Statement/v0.1', subject: [{ name: '_', digest }] }));
  const layers = [await writeBlob(folder, 'application/vnd.in-toto+json', statement)];
  const platform = { os: 'unknown', architecture: 'unknown' };
  const rootfs = { type: 'layers', diff_ids: [sha256(statement)] };
  const config = await writeJson(folder, OCI_CONFIG, { ...platform, config: {}, rootfs });
  const manifest = await writeJson(folder, OCI_MANIFEST, { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers });
  const annotations = { 'vnd.docker.reference.digest': digest, 'vnd.docker.reference.type': 'attestation-manifest' };
  return { ...manifest, annotations, platform };
}

async function tarOf(folder: string, name: string, content: Buffer): Promise<Buffer> {
  const [file, tar] = [join(folder, name), join(folder, 'layer.tar')];
  await writeFile(file, content);
  await run('tar', ['--create', '--file', tar, '--directory', folder, name]);
  const bytes = await readFile(tar);
  await Promise.all([rm(file), rm(tar)]);
  return bytes;
}

async function writeJson(folder: string, mediaType: string, value: unknown): Promise<Descriptor> {
  return await writeBlob(folder, mediaType, Buffer.from(JSON.stringify(value)));
}

async function writeBlob(folder: string, mediaType: string, bytes: Buffer): Promise<Descriptor> {
  const digest = sha256(bytes);
  await writeFile(join(folder, 'blobs', digest.replace(':', '/')), bytes);
  return { mediaType, digest, size: bytes.length };
}

/** Pushes everything in a layout, and tags it as `latest`. */
export async function putLayout(client: ApiClient, name: string, { folder, digest }: Layout): Promise<void> {
  const read = (blob: string) => readFile(join(folder, 'blobs', blob.replace(':', '/')));
  const put = async (manifestDigest: string, reference: string) => {
    const bytes = await read(manifestDigest);
    const manifest = JSON.parse(bytes.toString()) as Index | Image;
    if ('manifests' in manifest) for (const child of manifest.manifests) await put(child.digest, child.digest);
    else for (const blob of [manifest.config, ...manifest.layers]) await client.push(name, await read(blob.digest));
    expect((await client.putManifest(name, reference, bytes, manifest.mediaType)).status).toBe(201);
  };
  await put(digest, 'latest');
}

/** Expects that another layout has every blob of this one, byte for byte. */
export async function expectSameBlobs({ folder }: Layout, other: string): Promise<void> {
  for (const hex of await readdir(join(folder, 'blobs/sha256'))) {
    const blobs = [folder, other].map((each) => readFile(join(each, 'blobs/sha256', hex)));
    const [pushed, pulled] = await Promise.all(blobs);
    expect(pulled?.equals(pushed as Buffer), hex).toBe(true);
  }
}

export function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Fills a folder for `docker build`: an image of three layers, the last one random, so that it doesn't compress. */
export async function makeBuildContext(folder: string, largeBytes: number): Promise<void> {
  await mkdir(folder);
  const file = await open(join(folder, 'large.bin'), 'w');
  for (let left = largeBytes; left > 0; left -= MIB) await file.write(randomBytes(Math.min(MIB, left)));
  await file.close();
  await writeFile(join(folder, 'hello.txt'), `hello ${randomBytes(8).toString('hex')}\n`);
  await writeFile(join(folder, 'notes.txt'), `notes ${randomBytes(8).toString('hex')}\n`);
  await writeFile(join(folder, 'Dockerfile'), 'FROM scratch\nCOPY hello.txt /\nCOPY notes.txt /\nCOPY large.bin /\n');
}

/** Fills a folder for `docker build`: an image that adds one layer to `base`. */
export async function makeChildContext(folder: string, base: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'child.txt'), `child ${randomBytes(8).toString('hex')}\n`);
  await writeFile(join(folder, 'Dockerfile'), `FROM ${base}\nCOPY child.txt /\n`);
}
