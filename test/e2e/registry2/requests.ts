import { bytesOf, digestOf, imageManifest, OCI_IMAGE, OCI_INDEX } from '../../support/api-client.ts';
import { basic } from '../../support/users.ts';

/** A request of the recorded list. */
export interface RecordedRequest {
  /** Unique. docs/registry2-differences.md uses it. */
  readonly name: string;
  readonly method: string;
  /** `<upload>` stands for the last Location of an upload, `<next>` for the target of the last Link. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

const CONFIG = bytesOf('{}');
const LAYER = bytesOf('0123456789');
const ABSENT = digestOf(bytesOf('nobody has pushed this'));
const [CONFIG_DIGEST, LAYER_DIGEST] = [digestOf(CONFIG), digestOf(LAYER)];

const manifestOf = (more: object) => bytesOf(imageManifest(CONFIG_DIGEST, 2, [{ digest: LAYER_DIGEST, size: 10 }], more));
const IMAGE = manifestOf({});
const TEXT = new TextDecoder().decode(IMAGE);
const OTHER_IMAGE = manifestOf({ annotations: { other: 'yes' } });
const WITH_SUBJECT = manifestOf({ subject: { mediaType: OCI_IMAGE, digest: digestOf(IMAGE), size: IMAGE.length } });
const DOCKER_IMAGE_TYPE = 'application/vnd.docker.distribution.manifest.v2+json';
const DOCKER_IMAGE = bytesOf(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: DOCKER_IMAGE_TYPE,
    config: { mediaType: 'application/vnd.docker.container.image.v1+json', digest: CONFIG_DIGEST, size: 2 },
    layers: [{ mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip', digest: LAYER_DIGEST, size: 10 }],
  }),
);
const indexOf = (digest: string) =>
  bytesOf(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [{ mediaType: OCI_IMAGE, digest, size: IMAGE.length, platform: { architecture: 'amd64', os: 'linux' } }],
    }),
  );

const NO_UPLOAD = '/v2/a/blobs/uploads/6ba7b810-9dad-11d1-80b4-00c04fd430c8';
const octets = (body: Uint8Array, headers: Record<string, string> = {}) => ({
  body,
  headers: { 'Content-Type': 'application/octet-stream', ...headers },
});
const manifest = (body: Uint8Array, type = OCI_IMAGE) => ({ body, headers: { 'Content-Type': type } });
const range = (value: string) => ({ headers: { Range: value } });
const accepting = (type: string) => ({ headers: { Accept: type } });
const chunk = (start: number, end: number) => octets(LAYER.subarray(start, end), { 'Content-Range': `${start}-${end - 1}` });
const as = (user: string, password: string) => ({ headers: { Authorization: basic(user, password) } });
const TAKING_GZIP = { headers: { 'Accept-Encoding': 'gzip' } };
const BEHIND_A_PROXY = { headers: { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'registry.example' } };

type Row = readonly [name: string, method: string, path: string, rest?: Pick<RecordedRequest, 'headers' | 'body'>];

/** Sent in this order: later requests depend on earlier ones. */
// prettier-ignore
const ROWS: readonly Row[] = [
  ['the API', 'GET', '/v2/'],
  ['the API by HEAD', 'HEAD', '/v2/'],
  ['the API without its slash', 'GET', '/v2'],
  ['the catalog of an empty registry', 'GET', '/v2/_catalog'],
  ['tags of an unknown repository', 'GET', '/v2/unknown/tags/list'],

  ['beginning an upload', 'POST', '/v2/a/blobs/uploads/'],
  ['the status of a fresh upload', 'GET', '<upload>'],
  ['the status of a fresh upload by HEAD', 'HEAD', '<upload>'],
  ['a blob in one PATCH', 'PATCH', '<upload>', octets(CONFIG)],
  ['the status after one PATCH', 'GET', '<upload>'],
  ['closing an upload', 'PUT', `<upload>digest=${CONFIG_DIGEST}`],
  ['the status of a closed upload', 'GET', '<upload>'],
  ['beginning an upload behind a proxy', 'POST', '/v2/a/blobs/uploads/', BEHIND_A_PROXY],
  ['beginning an upload by a client that takes gzip', 'POST', '/v2/a/blobs/uploads/', TAKING_GZIP],
  ['a blob in one PUT', 'PUT', `<upload>digest=${LAYER_DIGEST}`, octets(LAYER)],
  ['a blob in one POST', 'POST', `/v2/post/blobs/uploads/?digest=${LAYER_DIGEST}`, octets(LAYER)],

  ['beginning an upload in chunks', 'POST', '/v2/a/blobs/uploads/'],
  ['the first chunk', 'PATCH', '<upload>', chunk(0, 4)],
  ['the second chunk', 'PATCH', '<upload>', chunk(4, 8)],
  ['the status after two chunks', 'GET', '<upload>'],
  ['the last chunk in the closing PUT', 'PUT', `<upload>digest=${LAYER_DIGEST}`, chunk(8, 10)],

  ['beginning an upload with a chunk out of order', 'POST', '/v2/a/blobs/uploads/'],
  ['a chunk out of order', 'PATCH', '<upload>', chunk(8, 10)],
  ['beginning an upload with a malformed Content-Range', 'POST', '/v2/a/blobs/uploads/'],
  ['a chunk with a malformed Content-Range', 'PATCH', '<upload>', octets(LAYER, { 'Content-Range': 'bytes 0-9/10' })],
  ['beginning an upload with a long Content-Range', 'POST', '/v2/a/blobs/uploads/'],
  ['a chunk that is not as long as its Content-Range', 'PATCH', '<upload>', octets(LAYER, { 'Content-Range': '0-99' })],

  ['beginning an upload to cancel', 'POST', '/v2/a/blobs/uploads/'],
  ['cancelling an upload', 'DELETE', '<upload>'],
  ['cancelling an upload again', 'DELETE', '<upload>'],
  ['the status of a cancelled upload', 'GET', '<upload>'],
  ['the status of an unknown upload', 'GET', NO_UPLOAD],
  ['a PATCH to an unknown upload', 'PATCH', NO_UPLOAD, octets(LAYER)],
  ['a PUT to an unknown upload', 'PUT', `${NO_UPLOAD}?digest=${LAYER_DIGEST}`, octets(LAYER)],
  ['cancelling an unknown upload', 'DELETE', NO_UPLOAD],

  ['beginning an upload without a digest', 'POST', '/v2/a/blobs/uploads/'],
  ['closing an upload without a digest', 'PUT', '<upload>', octets(LAYER)],
  ['beginning an upload with an invalid digest', 'POST', '/v2/a/blobs/uploads/'],
  ['closing an upload with an invalid digest', 'PUT', '<upload>digest=sha256:1', octets(LAYER)],
  ['beginning an upload with another digest', 'POST', '/v2/a/blobs/uploads/'],
  ['closing an upload with another digest', 'PUT', `<upload>digest=${ABSENT}`, octets(LAYER)],
  ['beginning an upload under an invalid name', 'POST', '/v2/UPPER/blobs/uploads/'],

  ['mounting a blob', 'POST', `/v2/c/blobs/uploads/?mount=${LAYER_DIGEST}&from=a`],
  ['mounting another blob', 'POST', `/v2/c/blobs/uploads/?mount=${CONFIG_DIGEST}&from=a`],
  ['mounting a blob that is not there', 'POST', `/v2/c/blobs/uploads/?mount=${ABSENT}&from=a`],
  ['mounting a blob from nowhere', 'POST', `/v2/c/blobs/uploads/?mount=${LAYER_DIGEST}`],
  ['mounting nothing from nowhere', 'POST', '/v2/c/blobs/uploads/?mount=&from=&digest='],
  ['mounting an invalid digest', 'POST', '/v2/c/blobs/uploads/?mount=sha256:1&from=a'],

  ['a blob', 'GET', `/v2/a/blobs/${LAYER_DIGEST}`],
  ['a blob by HEAD', 'HEAD', `/v2/a/blobs/${LAYER_DIGEST}`],
  ['a blob to a client that takes gzip', 'GET', `/v2/a/blobs/${LAYER_DIGEST}`, TAKING_GZIP],
  ['a part of a blob', 'GET', `/v2/a/blobs/${LAYER_DIGEST}`, range('bytes=2-5')],
  ['the end of a blob', 'GET', `/v2/a/blobs/${LAYER_DIGEST}`, range('bytes=-3')],
  ['a part past the end of a blob', 'GET', `/v2/a/blobs/${LAYER_DIGEST}`, range('bytes=10-')],
  ['two parts of a blob', 'GET', `/v2/a/blobs/${LAYER_DIGEST}`, range('bytes=0-1,4-5')],
  ['a part of a blob in a malformed Range', 'GET', `/v2/a/blobs/${LAYER_DIGEST}`, range('bytes=x')],
  ['a blob that the client has', 'GET', `/v2/a/blobs/${LAYER_DIGEST}`, { headers: { 'If-None-Match': `"${LAYER_DIGEST}"` } }],
  ['a blob that is not there', 'GET', `/v2/a/blobs/${ABSENT}`],
  ['a blob that is not there by HEAD', 'HEAD', `/v2/a/blobs/${ABSENT}`],
  ['a blob of an unknown repository', 'GET', `/v2/unknown/blobs/${LAYER_DIGEST}`],
  ['a blob by an invalid digest', 'GET', '/v2/a/blobs/sha256:1'],
  ['a blob by a digest of another algorithm', 'GET', `/v2/a/blobs/md5:${'0'.repeat(32)}`],

  ['pushing a manifest by tag', 'PUT', '/v2/a/manifests/latest', manifest(IMAGE)],
  ['pushing a manifest by digest', 'PUT', `/v2/a/manifests/${digestOf(OTHER_IMAGE)}`, manifest(OTHER_IMAGE)],
  ['pushing a manifest to another repository', 'PUT', '/v2/c/manifests/latest', manifest(IMAGE)],
  ['pushing a manifest to a second tag', 'PUT', '/v2/a/manifests/v1', manifest(OTHER_IMAGE)],
  ['pushing a Docker manifest', 'PUT', '/v2/a/manifests/docker', manifest(DOCKER_IMAGE, DOCKER_IMAGE_TYPE)],
  ['pushing an index', 'PUT', '/v2/a/manifests/index', manifest(indexOf(digestOf(IMAGE)), OCI_INDEX)],
  ['pushing a manifest with a subject', 'PUT', `/v2/a/manifests/${digestOf(WITH_SUBJECT)}`, manifest(WITH_SUBJECT)],
  ['pushing a manifest by another digest', 'PUT', `/v2/a/manifests/${ABSENT}`, manifest(IMAGE)],
  ['pushing a manifest by an invalid digest', 'PUT', '/v2/a/manifests/sha256:1', manifest(IMAGE)],
  ['pushing a manifest by an invalid tag', 'PUT', '/v2/a/manifests/-x', manifest(IMAGE)],
  ['pushing a manifest under an invalid name', 'PUT', '/v2/UPPER/manifests/latest', manifest(IMAGE)],
  ['pushing invalid JSON', 'PUT', '/v2/a/manifests/bad', manifest(bytesOf('{'))],
  ['pushing a manifest without a config', 'PUT', '/v2/a/manifests/bad', manifest(bytesOf(`{"schemaVersion":2,"mediaType":"${OCI_IMAGE}"}`))],
  ['pushing a manifest with nulls', 'PUT', '/v2/a/manifests/nulls', manifest(manifestOf({ subject: null, annotations: null, manifests: null }))],
  ['deleting the manifest with nulls', 'DELETE', `/v2/a/manifests/${digestOf(manifestOf({ subject: null, annotations: null, manifests: null }))}`],
  ['pushing a manifest with a size of 2.0', 'PUT', '/v2/a/manifests/bad', manifest(bytesOf(TEXT.replace('"size":2', '"size":2.0')))],
  ['pushing a manifest with a field twice', 'PUT', '/v2/c/manifests/other', manifest(bytesOf(TEXT.replace('"size":2', '"size":3,"size":2')))],
  ['pushing a manifest with a field in another case', 'PUT', '/v2/c/manifests/other', manifest(bytesOf(TEXT.replace('"size":2', '"Size":2')))],
  ['pushing a manifest of another type', 'PUT', '/v2/a/manifests/bad', manifest(IMAGE, OCI_INDEX)],
  ['pushing a manifest of an unknown type', 'PUT', '/v2/a/manifests/bad', manifest(bytesOf('{"schemaVersion":2}'), 'text/plain')],
  ['pushing a manifest whose blobs are not there', 'PUT', '/v2/empty/manifests/latest', manifest(IMAGE)],
  ['pushing an index whose manifests are not there', 'PUT', '/v2/a/manifests/bad', manifest(indexOf(ABSENT), OCI_INDEX)],

  ['a manifest by tag', 'GET', '/v2/a/manifests/latest', accepting(OCI_IMAGE)],
  ['a manifest by tag by HEAD', 'HEAD', '/v2/a/manifests/latest', accepting(OCI_IMAGE)],
  ['a manifest by digest', 'GET', `/v2/a/manifests/${digestOf(IMAGE)}`, accepting(OCI_IMAGE)],
  ['a manifest by digest by HEAD', 'HEAD', `/v2/a/manifests/${digestOf(IMAGE)}`, accepting(OCI_IMAGE)],
  ['a manifest to a client that takes gzip', 'GET', '/v2/a/manifests/latest', {
    headers: { Accept: OCI_IMAGE, 'Accept-Encoding': 'gzip' },
  }],
  ['a manifest that the client has', 'GET', '/v2/a/manifests/latest', {
    headers: { Accept: OCI_IMAGE, 'If-None-Match': `"${digestOf(IMAGE)}"` },
  }],
  ['a Docker manifest', 'GET', '/v2/a/manifests/docker', accepting(DOCKER_IMAGE_TYPE)],
  ['an index', 'GET', '/v2/a/manifests/index', accepting(OCI_INDEX)],
  ['a manifest to a client that accepts another type', 'GET', '/v2/a/manifests/latest', accepting(OCI_INDEX)],
  ['an index to a client that accepts another type', 'GET', '/v2/a/manifests/index', accepting(OCI_IMAGE)],
  ['a manifest to a client that accepts anything', 'GET', '/v2/a/manifests/latest'],
  ['a Docker manifest to a client that accepts anything', 'GET', '/v2/a/manifests/docker', accepting('*/*')],
  ['a manifest by an unknown tag', 'GET', '/v2/a/manifests/unknown'],
  ['a manifest by an unknown tag by HEAD', 'HEAD', '/v2/a/manifests/unknown'],
  ['a manifest by an unknown digest', 'GET', `/v2/a/manifests/${ABSENT}`],
  ['a manifest of an unknown repository', 'GET', '/v2/unknown/manifests/latest'],
  ['a manifest by an invalid digest', 'GET', '/v2/a/manifests/sha256:1'],
  ['a manifest by an invalid tag', 'GET', '/v2/a/manifests/-x'],
  ['a manifest of an invalid name', 'GET', '/v2/UPPER/manifests/latest'],
  ['referrers', 'GET', `/v2/a/referrers/${digestOf(IMAGE)}`],

  ['tags', 'GET', '/v2/a/tags/list'],
  ['tags by HEAD', 'HEAD', '/v2/a/tags/list'],
  ['tags to a client that takes gzip', 'GET', '/v2/a/tags/list', TAKING_GZIP],
  ['a page of tags', 'GET', '/v2/a/tags/list?n=2'],
  ['tags after one', 'GET', '/v2/a/tags/list?n=2&last=index'],
  ['a page of no tags', 'GET', '/v2/a/tags/list?n=0'],
  ['a page of junk tags', 'GET', '/v2/a/tags/list?n=junk'],
  ['tags of an invalid name', 'GET', '/v2/UPPER/tags/list'],
  ['the catalog', 'GET', '/v2/_catalog'],
  ['a page of the catalog', 'GET', '/v2/_catalog?n=1'],
  ['the next page of the catalog', 'GET', '<next>'],
  ['a page of none of the catalog', 'GET', '/v2/_catalog?n=0'],
  ['a page of the catalog without a number', 'GET', '/v2/_catalog?n=&last='],
  ['the catalog behind an invalid name', 'GET', '/v2/_catalog?last=b%20UPPER'],
  ['a junk page of the catalog', 'GET', '/v2/_catalog?n=junk'],
  ['mounting a blob into a repository without manifests', 'POST', `/v2/blobs-alone/blobs/uploads/?mount=${LAYER_DIGEST}&from=a`],
  ['the catalog beside a repository without manifests', 'GET', '/v2/_catalog'],
  ['tags of a repository without manifests', 'GET', '/v2/blobs-alone/tags/list'],

  ['deleting a manifest', 'DELETE', `/v2/a/manifests/${digestOf(IMAGE)}`],
  ['deleting a manifest again', 'DELETE', `/v2/a/manifests/${digestOf(IMAGE)}`],
  ['deleting a manifest by an invalid digest', 'DELETE', '/v2/a/manifests/sha256:1'],
  ['deleting a manifest of an unknown repository', 'DELETE', `/v2/unknown/manifests/${digestOf(IMAGE)}`],
  ['a deleted manifest', 'GET', `/v2/a/manifests/${digestOf(IMAGE)}`],
  ['the tag of a deleted manifest', 'GET', '/v2/a/manifests/latest'],
  ['tags after a delete', 'GET', '/v2/a/tags/list'],
  ['deleting a tag', 'DELETE', '/v2/a/manifests/docker'],
  ['deleting an unknown tag', 'DELETE', '/v2/a/manifests/unknown'],
  ['a deleted tag', 'GET', '/v2/a/manifests/docker', accepting(DOCKER_IMAGE_TYPE)],
  ['deleting a blob', 'DELETE', `/v2/a/blobs/${LAYER_DIGEST}`],
  ['deleting a blob again', 'DELETE', `/v2/a/blobs/${LAYER_DIGEST}`],
  ['deleting a blob by an invalid digest', 'DELETE', '/v2/a/blobs/sha256:1'],
  ['a deleted blob', 'GET', `/v2/a/blobs/${LAYER_DIGEST}`],

  ['POST to the API', 'POST', '/v2/'],
  ['PUT to the catalog', 'PUT', '/v2/_catalog'],
  ['POST to tags', 'POST', '/v2/a/tags/list'],
  ['PATCH of a manifest', 'PATCH', '/v2/a/manifests/latest'],
  ['PUT of a blob', 'PUT', `/v2/a/blobs/${LAYER_DIGEST}`],
  ['GET of uploads', 'GET', '/v2/a/blobs/uploads/'],
  ['nothing that the API has', 'GET', '/v2/a/nothing'],
  ['nothing at all', 'GET', '/nothing'],
  ['the root', 'GET', '/'],
  ['the root by HEAD', 'HEAD', '/'],

  ['the API by OPTIONS', 'OPTIONS', '/v2/'],
  ['the catalog by OPTIONS', 'OPTIONS', '/v2/_catalog'],
  ['tags by OPTIONS', 'OPTIONS', '/v2/a/tags/list'],
  ['a manifest by OPTIONS', 'OPTIONS', '/v2/a/manifests/latest'],
  ['a blob by OPTIONS', 'OPTIONS', `/v2/a/blobs/${LAYER_DIGEST}`],
  ['uploads by OPTIONS', 'OPTIONS', '/v2/a/blobs/uploads/'],
  ['an upload by OPTIONS', 'OPTIONS', NO_UPLOAD],
  ['nothing that the API has by OPTIONS', 'OPTIONS', '/v2/a/nothing'],
  ["beginning an upload by another origin's page", 'POST', '/v2/a/blobs/uploads/', { headers: { Origin: 'https://evil.example' } }],
];

/** For registries with one user. */
const ROWS_WITH_USERS: readonly Row[] = [
  ['the API without a password', 'GET', '/v2/'],
  ['the API by HEAD without a password', 'HEAD', '/v2/'],
  ['the API with a wrong password', 'GET', '/v2/', as('somebody', 'wrong')],
  ['the API with an empty name and password', 'GET', '/v2/', as('', '')],
  ['the API with a password', 'GET', '/v2/', as('somebody', 'secret')],
  ['the catalog without a password', 'GET', '/v2/_catalog'],
  ['the catalog with a password', 'GET', '/v2/_catalog', as('somebody', 'secret')],
  ['beginning an upload without a password', 'POST', '/v2/a/blobs/uploads/'],
  ['a manifest without a password', 'GET', '/v2/a/manifests/latest'],
  ['a manifest by HEAD with a wrong password', 'HEAD', '/v2/a/manifests/latest', as('somebody', 'wrong')],
  ['a manifest by OPTIONS without a password', 'OPTIONS', '/v2/a/manifests/latest'],
  ['a manifest with a password', 'GET', '/v2/a/manifests/latest', as('somebody', 'secret')],
];

const recorded = (rows: readonly Row[]): RecordedRequest[] =>
  rows.map(([name, method, path, rest]) => ({ name, method, path, ...rest }));
export const RECORDED_REQUESTS = recorded(ROWS);
export const REQUESTS_WITH_USERS = recorded(ROWS_WITH_USERS);
