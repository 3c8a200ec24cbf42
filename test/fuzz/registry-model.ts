import type { Body } from './bodies.ts';
import { isDigest, isName, isTag, partOf } from './spec.ts';

export interface Call {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Body;
}

/** The possible answers, and what else must be true of a success. */
export interface Expected {
  /** Statuses; refusals have their error codes: `200`, `404 BLOB_UNKNOWN`. */
  readonly answers: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly bytes?: Uint8Array;
  readonly json?: unknown;
}

interface Manifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

class Repository {
  readonly blobs = new Map<string, Uint8Array>();
  readonly manifests = new Map<string, Manifest>();
  readonly tags = new Map<string, Manifest>();
  /** True once it has had a manifest; from then on it is in the catalog. */
  isListed = false;
}

const PAGE = 1000;

/**
 * A model of the registry: three maps, as the specification describes it. It gives the answer to one request after the other.
 * Upload sessions have another model.
 */
export class RegistryModel {
  readonly #repositories = new Map<string, Repository>();
  readonly #redirectsBlobs: boolean;

  constructor({ redirectsBlobs = false } = {}) {
    this.#redirectsBlobs = redirectsBlobs;
  }

  /** The answer to a call. A successful call changes the model. */
  answer(call: Call): Expected {
    const path = call.url.pathname.replace(/(?<=.)\/$/, '');
    if (!isDecodable(path)) return { answers: ANY_REFUSAL };
    const decoded = decodeURI(path.replaceAll('%25', '%2525'));
    for (const [pattern, methods] of this.#endpoints) {
      const match = pattern.exec(decoded);
      if (match === null) continue;
      if (call.method === 'OPTIONS') return { answers: ['204'] };
      const answer = methods[call.method === 'HEAD' ? 'GET' : call.method];
      if (answer === undefined) return { answers: ['405 UNSUPPORTED'] };
      const [name = '', last = ''] = match.slice(1).map(decodeURIComponent);
      return match[1] !== undefined && !isName(name) ? { answers: ['400 NAME_INVALID'] } : answer(call, name, last);
    }
    return { answers: ['404 UNSUPPORTED'] };
  }

  readonly #endpoints: readonly [RegExp, Readonly<Record<string, (call: Call, name: string, last: string) => Expected>>][] = [
    [/^\/$/, { GET: () => ({ answers: ['200'] }) }],
    [/^\/v2$/, { GET: () => ({ answers: ['200'], json: {} }) }],
    [/^\/v2\/(.+)\/blobs\/uploads$/, { POST: (call, name) => this.#post(call, name) }],
    [/^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/, { GET: noSession, PATCH: noSession, PUT: noSession, DELETE: noSession }],
    [
      /^\/v2\/(.+)\/blobs\/([^/]+)$/,
      {
        GET: (call, name, digest) => this.#getBlob(call, name, digest),
        DELETE: (_, name, digest) => this.#deleteBlob(name, digest),
      },
    ],
    [
      /^\/v2\/(.+)\/manifests\/([^/]+)$/,
      {
        GET: (call, name, reference) => this.#getManifest(call, name, reference),
        PUT: (call, name, reference) => this.#putManifest(call, name, reference),
        DELETE: (_, name, reference) => this.#deleteManifest(name, reference),
      },
    ],
    [/^\/v2\/(.+)\/referrers\/([^/]+)$/, { GET: (call, _, digest) => listReferrers(call, digest) }],
    [/^\/v2\/(.+)\/tags\/list$/, { GET: (call, name) => this.#listTags(call, name) }],
    [/^\/v2\/_catalog$/, { GET: (call) => this.#catalog(call) }],
  ];

  #of(name: string): Repository {
    const repository = this.#repositories.get(name) ?? new Repository();
    this.#repositories.set(name, repository);
    return repository;
  }

  #post({ url, body }: Call, name: string): Expected {
    const query = url.searchParams;
    const [mount, from, digest] = [query.get('mount'), query.get('from'), query.get('digest')];
    if (!['sha256', 'sha512'].includes(query.get('digest-algorithm') || 'sha256')) return { answers: ['400 DIGEST_INVALID'] };
    if (mount && from) {
      if (!isDigest(mount)) return { answers: ['400 DIGEST_INVALID'] };
      const bytes = this.#repositories.get(from)?.blobs.get(mount);
      if (bytes !== undefined) return this.#created(name, mount, bytes);
    }
    if (!digest) return { answers: ['202'] };
    if (!Object.values(body.digests).includes(digest)) return { answers: ['400 DIGEST_INVALID'] };
    return this.#created(name, digest, body.bytes);
  }

  #created(name: string, digest: string, bytes: Uint8Array): Expected {
    this.#of(name).blobs.set(digest, bytes);
    return { answers: ['201'], headers: { location: `/v2/${name}/blobs/${digest}`, 'docker-content-digest': digest } };
  }

  #getBlob({ method, headers }: Call, name: string, digest: string): Expected {
    if (!isDigest(digest)) return { answers: ['400 DIGEST_INVALID'] };
    const bytes = this.#repositories.get(name)?.blobs.get(digest);
    if (bytes === undefined) return { answers: ['404 BLOB_UNKNOWN'] };
    const told = { 'docker-content-digest': digest, etag: `"${digest}"` };
    const whole = { answers: ['200'], headers: { ...told, 'content-length': String(bytes.length) }, bytes };
    if (isUnmodified(headers, digest)) return { answers: ['304'], headers: told };
    if (method === 'HEAD') return whole;
    if (this.#redirectsBlobs) return { answers: ['307'], headers: { 'docker-content-digest': digest } };
    const isMeant = headers['If-Range'] === undefined || headers['If-Range'] === `"${digest}"`;
    const part = isMeant ? partOf(headers['Range'] ?? '', bytes.length) : undefined;
    if (part === undefined) return whole;
    if (part === 'none') return { answers: ['416 UNSUPPORTED'], headers: { 'content-range': `bytes */${bytes.length}` } };
    const end = part.offset + part.length;
    return {
      answers: ['206'],
      headers: {
        ...told,
        'content-range': `bytes ${part.offset}-${end - 1}/${bytes.length}`,
        'content-length': `${part.length}`,
      },
      bytes: bytes.subarray(part.offset, end),
    };
  }

  #deleteBlob(name: string, digest: string): Expected {
    if (!isDigest(digest)) return { answers: ['400 DIGEST_INVALID'] };
    const wasThere = this.#repositories.get(name)?.blobs.delete(digest) === true;
    return { answers: [wasThere ? '202' : '404 BLOB_UNKNOWN'] };
  }

  #getManifest({ headers }: Call, name: string, reference: string): Expected {
    if (isWrongDigest(reference)) return { answers: ['400 DIGEST_INVALID'] };
    const repository = this.#repositories.get(name);
    const manifest = repository?.manifests.get(reference) ?? repository?.tags.get(reference);
    if (manifest === undefined) return { answers: ['404 MANIFEST_UNKNOWN'] };
    const { digest, mediaType, bytes } = manifest;
    const told = { 'docker-content-digest': digest, etag: `"${digest}"` };
    if (isUnmodified(headers, digest)) return { answers: ['304'], headers: told };
    return { answers: ['200'], headers: { ...told, 'content-type': mediaType, 'content-length': `${bytes.length}` }, bytes };
  }

  #putManifest({ headers, url, body }: Call, name: string, reference: string): Expected {
    if (isWrongDigest(reference)) return { answers: ['400 DIGEST_INVALID'] };
    const byDigest = isDigest(reference);
    const tags = [...new Set(url.searchParams.getAll('tag').filter((tag) => tag !== ''))];
    if (![...tags, ...(byDigest ? [] : [reference])].every(isTag)) return { answers: ['400 MANIFEST_INVALID'] };
    if (tags.length > 50) return { answers: ['414 UNSUPPORTED'] };
    const given = headers['Content-Type']?.split(';')[0]?.trim().toLowerCase() || body.manifest?.mediaType;
    if (body.manifest === undefined || body.manifest.mediaType !== given) return { answers: ['400 MANIFEST_INVALID'] };
    const digest = reference.startsWith('sha512:') ? body.digests.sha512 : body.digests.sha256;
    if (byDigest && reference !== digest) return { answers: ['400 DIGEST_INVALID'] };
    const { blobs, manifests } = this.#repositories.get(name) ?? new Repository();
    if (!body.manifest.names.every((each) => blobs.has(each) || manifests.has(each)))
      return { answers: ['404 MANIFEST_BLOB_UNKNOWN'] };
    const manifest = { digest, mediaType: given, bytes: body.bytes };
    const repository = this.#of(name);
    repository.isListed = true;
    repository.manifests.set(digest, manifest);
    for (const tag of byDigest ? tags : [reference]) repository.tags.set(tag, manifest);
    const told = { location: `/v2/${name}/manifests/${digest}`, 'docker-content-digest': digest };
    return { answers: ['201'], headers: { ...told, ...(byDigest && tags.length > 0 && { 'oci-tag': tags.join(', ') }) } };
  }

  #deleteManifest(name: string, reference: string): Expected {
    if (isWrongDigest(reference)) return { answers: ['400 DIGEST_INVALID'] };
    const repository = this.#repositories.get(name);
    const tags = [...(repository?.tags ?? [])].filter(([tag, { digest }]) => tag === reference || digest === reference);
    const wasThere = repository?.manifests.delete(reference) === true || tags.some(([tag]) => tag === reference);
    if (!wasThere) return { answers: ['404 MANIFEST_UNKNOWN'] };
    for (const [tag] of tags) repository?.tags.delete(tag);
    return { answers: ['202'] };
  }

  #listTags({ url }: Call, name: string): Expected {
    const repository = this.#repositories.get(name);
    const limit = pageOf(url);
    if (limit === undefined) return { answers: ['400 UNSUPPORTED'] };
    if (repository?.isListed !== true) return { answers: ['404 NAME_UNKNOWN'] };
    return { answers: ['200'], json: { name, tags: pageFrom([...repository.tags.keys()], url, limit) } };
  }

  #catalog({ url }: Call): Expected {
    const limit = pageOf(url);
    if (limit === undefined) return { answers: ['400 UNSUPPORTED'] };
    const names = [...this.#repositories].filter(([, each]) => each.isListed).map(([name]) => name);
    return { answers: ['200'], json: { repositories: pageFrom(names, url, limit) } };
  }
}

const ANY_REFUSAL = ['400 NAME_INVALID', '400 DIGEST_INVALID', '404 MANIFEST_UNKNOWN', '400 MANIFEST_INVALID'].concat([
  '404 UNSUPPORTED',
  '405 UNSUPPORTED',
  '404 BLOB_UPLOAD_UNKNOWN',
  // The answer to OPTIONS depends only on the path.
  '204',
]);

function noSession(): Expected {
  return { answers: ['404 BLOB_UPLOAD_UNKNOWN'] };
}

/** None of the bodies has a subject. */
function listReferrers({ url }: Call, digest: string): Expected {
  const last = url.searchParams.get('last');
  if (!isDigest(digest)) return { answers: ['400 DIGEST_INVALID'] };
  return !last || isDigest(last) ? { answers: ['200'] } : { answers: ['400 UNSUPPORTED'] };
}

function isWrongDigest(reference: string): boolean {
  return reference.includes(':') && !isDigest(reference);
}

function isUnmodified(headers: Readonly<Record<string, string>>, digest: string): boolean {
  const condition = headers['If-None-Match'] ?? '';
  return condition === '*' || condition.split(',').some((tag) => tag.trim().replace(/^W\//, '') === `"${digest}"`);
}

/** How many names a page may have; undefined for an invalid request. */
function pageOf(url: URL): number | undefined {
  const n = url.searchParams.get('n') || String(PAGE);
  return /^[0-9]+$/.test(n) ? Math.min(Number(n), PAGE) : undefined;
}

function pageFrom(names: readonly string[], url: URL, limit: number): string[] {
  const last = url.searchParams.get('last') ?? '';
  return names
    .filter((name) => name > last)
    .sort()
    .slice(0, limit);
}

function isDecodable(path: string): boolean {
  try {
    return decodeURIComponent(path) !== undefined;
  } catch {
    return false;
  }
}
