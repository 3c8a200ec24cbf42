import { createHash, randomBytes } from 'node:crypto';

/** A minimal client of the registry's API: each call is one request, and redirects are not followed. */
export class ApiClient {
  readonly #send: (path: string, init: RequestInit) => Promise<Response>;

  /** @param send - gets a path with its query, and works like `fetch` */
  constructor(send: (path: string, init: RequestInit) => Promise<Response>) {
    this.#send = send;
  }

  request(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    const { body, headers, signal } = options;
    const given = { ...(headers && { headers }), ...(signal && { signal }), ...(body !== undefined && { body, duplex: 'half' }) };
    return this.#send(path, { method, redirect: 'manual', ...given });
  }

  get(path: string, headers?: Record<string, string>): Promise<Response> {
    return this.request('GET', path, { headers });
  }

  head(path: string, headers?: Record<string, string>): Promise<Response> {
    return this.request('HEAD', path, { headers });
  }

  /** Begins an upload. Returns its location, with a query. */
  async begin(name: string, query = ''): Promise<string> {
    return locationOf(await this.request('POST', `/v2/${name}/blobs/uploads/${query}`));
  }

  patch(location: string, body: Body | undefined, headers: Record<string, string> = {}): Promise<Response> {
    return this.request('PATCH', location, { body, headers: { ...OCTET_STREAM, ...headers } });
  }

  /** Sends one chunk, with its range. */
  async chunk(location: string, body: Uint8Array, start: number): Promise<Response> {
    return this.patch(location, body, { 'Content-Range': `${start}-${start + body.length - 1}` });
  }

  finish(location: string, digest: string, body?: Body, headers: Record<string, string> = {}): Promise<Response> {
    return this.request('PUT', `${location}&digest=${digest}`, { body, headers: { ...OCTET_STREAM, ...headers } });
  }

  /** Pushes a blob in one PUT. Returns its digest. */
  async push(name: string, content: Uint8Array): Promise<string> {
    const digest = digestOf(content);
    const response = await this.finish(await this.begin(name), digest, content);
    if (response.status !== 201) throw new Error(`the push of a blob was answered ${response.status}: ${await response.text()}`);
    return digest;
  }

  /** GETs a blob, and follows a redirect. */
  async pull(name: string, digest: string, headers: Record<string, string> = {}): Promise<Response> {
    const response = await this.get(`/v2/${name}/blobs/${digest}`, headers);
    return response.status === 307 ? fetch(response.headers.get('Location')!, { headers }) : response;
  }

  putManifest(
    name: string,
    reference: string,
    manifest: string | Uint8Array,
    contentType: string | undefined = OCI_IMAGE,
  ): Promise<Response> {
    const headers = contentType === '' ? {} : { 'Content-Type': contentType };
    return this.request('PUT', `/v2/${name}/manifests/${reference}`, { body: bytesOf(manifest), headers });
  }

  /** Pushes an image of one layer. Returns its manifest and digests. */
  async pushImage(
    name: string,
    tag: string,
    layer: Uint8Array = randomBytes(64),
  ): Promise<{ digest: string; manifest: string; layerDigest: string }> {
    const config = bytesOf('{}');
    const manifest = imageManifest(await this.push(name, config), config.length, [
      { digest: await this.push(name, layer), size: layer.length },
    ]);
    const response = await this.putManifest(name, tag, manifest);
    if (response.status !== 201)
      throw new Error(`the push of a manifest was answered ${response.status}: ${await response.text()}`);
    return { digest: digestOf(bytesOf(manifest)), manifest, layerDigest: digestOf(layer) };
  }
}

type Body = Uint8Array | ReadableStream<Uint8Array>;

export interface RequestOptions {
  readonly body?: Body | undefined;
  readonly headers?: Record<string, string> | undefined;
  /** Raised when the client goes away. */
  readonly signal?: AbortSignal | undefined;
}

const OCTET_STREAM = { 'Content-Type': 'application/octet-stream' };
export const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';

export function imageManifest(
  configDigest: string,
  configSize: number,
  layers: readonly { digest: string; size: number }[],
  more: object = {},
): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_IMAGE,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: configDigest, size: configSize },
    layers: layers.map((layer) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', ...layer })),
    ...more,
  });
}

/** The path and query of an absolute `Location`. */
export function locationOf(response: Response): string {
  const { pathname, search } = new URL(response.headers.get('Location')!);
  return pathname + search;
}

/** The path of the next page, from `Link`. */
export function nextPage({ headers }: Response): string | undefined {
  const link = headers.get('Link');
  if (link === null) return undefined;
  const url = /^<([^>]+)>; rel="next"$/.exec(link)?.[1];
  if (url === undefined) throw new Error(`this is no Link to a next page: ${link}`);
  return url;
}

export async function errorOf(response: Response): Promise<{ status: number; code: string; detail?: unknown; message: string }> {
  const { errors } = await response.json<{ errors: [{ code: string; message: string; detail?: unknown }] }>();
  return { status: response.status, ...errors[0] };
}

export function bytesOf(content: string | Uint8Array): Uint8Array {
  return typeof content === 'string' ? new TextEncoder().encode(content) : content;
}

export function digestOf(content: Uint8Array, algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(content).digest('hex')}`;
}

export function freshName(): string {
  return `test/${randomBytes(6).toString('hex')}`;
}

/** A body without Content-Length: it is sent in chunks. */
export function streamOf(...pieces: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    type: 'bytes',
    start: (controller) => {
      for (const piece of pieces) if (piece.length > 0) controller.enqueue(new Uint8Array(piece));
      controller.close();
      controller.byobRequest?.respond(0);
    },
  });
}

export async function bodyOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}
