/** Requests of every kind, valid and invalid. */
import fc from 'fast-check';
import { BODIES, type Body, CONFIG, IMAGE, INDEX, LAYER } from './bodies.ts';
import type { Call } from './registry-model.ts';
import { anyDigest, anyName, anyNumber, anyReference, anyTag, asHeader, mixed, wildText } from './texts.ts';

type Text = fc.Arbitrary<string>;

const known = (...texts: string[]) => fc.constantFrom(...texts);
const mostly = (right: Text, others: Text) => fc.oneof({ arbitrary: right, weight: 3 }, { arbitrary: others, weight: 1 });

/** Few names, so that a request finds what another request has stored. */
const name = mostly(known('a', 'a', 'a/b', 'a-svc'), anyName);
const digests = known(...BODIES.flatMap((body) => Object.values(body.digests)));
/** Of the content that is there at first. */
const present = known(...[CONFIG, LAYER, LAYER, IMAGE].map((body) => body.digests.sha256));
const blobDigest = mostly(fc.oneof(present, present, digests), anyDigest);
const reference = mostly(fc.oneof(known('latest', 'v1'), present, digests), anyReference);
const body = fc.constantFrom(...BODIES);

function escaped(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** Ways in which a client may write a text into a path: unchanged, or with more or fewer characters escaped. */
const ENCODERS: readonly ((text: string) => string)[] = [
  encodeURI,
  encodeURIComponent,
  (text) => text,
  (text) => Buffer.from(text).toString('hex').replace(/../g, '%$&'),
];
const encoder = fc.oneof({ arbitrary: fc.constant(encodeURI), weight: 3 }, fc.constantFrom(...ENCODERS));
const encoded = (text: Text) => fc.tuple(text, encoder).map(([each, encode]) => encode(each.toWellFormed()));

const parameter = fc.oneof(
  fc.tuple(fc.constant('mount'), blobDigest),
  fc.tuple(fc.constant('from'), name),
  fc.tuple(fc.constant('digest'), blobDigest),
  fc.tuple(fc.constant('digest-algorithm'), mixed(known('sha256', 'sha512'))),
  fc.tuple(fc.constant('tag'), mostly(known('v1', '1'), anyTag)),
  fc.tuple(fc.constant('n'), anyNumber),
  fc.tuple(fc.constant('last'), mostly(known('a', 'latest', 'v1'), fc.oneof(anyName, anyTag, anyDigest, wildText))),
  fc.tuple(fc.constant('artifactType'), wildText),
  fc.tuple(fc.constant('_state'), wildText),
  fc.tuple(known('mount', 'from', 'digest', 'digest-algorithm', 'tag', 'n', 'last', 'artifactType'), fc.constant('')),
  fc.tuple(wildText, wildText),
);
/** A parameter may occur twice. */
const parameters = fc
  .array(parameter, { minLength: 1, maxLength: 3 })
  .map((all) => all.map((pair) => pair.map(escaped).join('=')).join('&'));
const tags = fc.integer({ min: 1, max: 60 }).map((count) => Array.from({ length: count }, (_, tag) => `tag=t${tag}`).join('&'));
const mount = fc.tuple(blobDigest, name).map(([what, from]) => `mount=${escaped(what)}&from=${escaped(from)}`);
const page = anyNumber.map((n) => `n=${escaped(n)}`);
const query = (...right: Text[]) => mostly(fc.oneof(fc.constant(''), ...right), fc.oneof(parameters, wildText));

interface Target {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly body: Body;
}

const OTHER_METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'LOCK', 'x'];

/** Mostly one of the intended methods. */
function to(weight: number, methods: readonly string[], path: Text, query: Text): fc.WeightedArbitrary<Target> {
  const method = fc.oneof({ arbitrary: known(...methods), weight: 9 }, { arbitrary: known(...OTHER_METHODS), weight: 1 });
  return { arbitrary: fc.record({ method, path, query, body }), weight };
}

/** By the body's digest, which a random digest would never match. */
function byItsDigest(weight: number, of: (name: string, digest: string) => Omit<Target, 'body'>): fc.WeightedArbitrary<Target> {
  const all = fc.tuple(encoded(name), body, fc.constantFrom('sha256' as const, 'sha512' as const));
  return { arbitrary: all.map(([n, body, algorithm]) => ({ ...of(n, body.digests[algorithm]), body })), weight };
}

const pathOf = (template: (name: string, last: string) => string, last: Text = fc.constant('')) =>
  fc.tuple(encoded(name), encoded(last)).map(([n, l]) => template(n, l));

const manifests = pathOf((n, each) => `/v2/${n}/manifests/${each}`, reference);
const blobs = pathOf((n, each) => `/v2/${n}/blobs/${each}`, blobDigest);
const uploads = pathOf((n) => `/v2/${n}/blobs/uploads/`);
const session = pathOf((n, each) => `/v2/${n}/blobs/uploads/${each}`, fc.uuid());

const target = fc.oneof(
  to(6, ['GET', 'HEAD', 'DELETE'], manifests, query()),
  to(6, ['PUT'], manifests, query(tags)),
  byItsDigest(4, (n, each) => ({ method: 'PUT', path: `/v2/${n}/manifests/${each}`, query: 'tag=v1&tag=v2' })),
  to(6, ['GET', 'HEAD', 'DELETE'], blobs, query()),
  to(6, ['GET'], fc.constant(`/v2/a/blobs/${LAYER.digests.sha256}`), fc.constant('')),
  to(4, ['POST'], uploads, query(mount)),
  byItsDigest(4, (n, each) => ({ method: 'POST', path: `/v2/${n}/blobs/uploads/`, query: `digest=${each}` })),
  to(2, ['GET', 'HEAD', 'PATCH', 'PUT', 'DELETE'], session, query()),
  to(
    6,
    ['GET', 'GET', 'HEAD'],
    pathOf((n) => `/v2/${n}/tags/list`),
    query(page, page, page),
  ),
  to(4, ['GET', 'HEAD'], known('/v2/_catalog', '/v2/_catalog/'), query(page, page, page)),
  to(
    1,
    ['GET', 'HEAD'],
    pathOf((n, each) => `/v2/${n}/referrers/${each}`, reference),
    query(),
  ),
  to(1, ['GET', 'HEAD'], known('/v2/', '/v2', '/', '//v2/'), query()),
  to(
    1,
    ['GET', 'HEAD', 'PUT'],
    encoded(wildText).map((text) => `/v2/${text}`),
    query(),
  ),
);

const mediaTypes = known(...BODIES.flatMap(({ manifest }) => manifest?.mediaType ?? []));
const header = (text: Text) =>
  fc.oneof({ arbitrary: fc.constant(undefined), weight: 3 }, { arbitrary: text.map(asHeader), weight: 1 });
const within = fc.nat(LAYER.bytes.length + 2).map(String);
const range = fc.tuple(fc.oneof(within, within, anyNumber), fc.oneof(within, anyNumber, fc.constant('')));
const headers = fc
  .record({
    'Content-Type': header(
      fc.oneof(
        mixed(mediaTypes),
        mediaTypes.map((type) => `${type.toUpperCase()} ;a=b`),
      ),
    ),
    Range: fc.option(
      range.map(([first, last]) => asHeader(`bytes=${first}-${last}`)),
      { nil: undefined },
    ),
    'If-None-Match': header(
      mostly(
        present.map((each) => `W/"x", "${each}"`),
        mixed(known('*', '""', 'W/"a"')),
      ),
    ),
    'If-Range': header(
      mostly(
        present.map((each) => `"${each}"`),
        wildText,
      ),
    ),
    Accept: header(wildText),
    'Accept-Encoding': header(mixed(known('gzip', 'br, gzip;q=0', '*'))),
    'X-Forwarded-Host': header(mixed(known('registry.example', '[::1]:5000', 'a:65536', '[::::]', 'a.b:0', '-', '256.1.1.1'))),
    'X-Forwarded-Proto': header(mixed(known('https', 'http,https', 'ftp'))),
    Authorization: header(mixed(known('Basic YTpi', 'Bearer x'))),
  })
  .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Record<string, string>);

export const call: fc.Arbitrary<Call> = fc.tuple(target, headers).map(([target, headers]) => callTo(target, headers));

const tagOrDigest = known('latest', 'v1', IMAGE.digests.sha256);
/** Valid requests that share names: each finds what the others have left. */
export const rightCall: fc.Arbitrary<Call> = fc
  .oneof(
    fc.record({
      method: known('GET', 'GET', 'HEAD', 'PUT', 'DELETE'),
      path: tagOrDigest.map((each) => `/v2/a/manifests/${each}`),
      body: fc.constantFrom(IMAGE, IMAGE, INDEX),
    }),
    fc.record({
      method: known('GET', 'HEAD', 'DELETE'),
      path: fc.constant(`/v2/a/blobs/${LAYER.digests.sha256}`),
      body: fc.constant(LAYER),
    }),
    fc.record({ method: known('GET'), path: known('/v2/a/tags/list', '/v2/_catalog'), body: fc.constant(LAYER) }),
    fc.constant({ method: 'POST', path: `/v2/a/blobs/uploads/?digest=${LAYER.digests.sha256}`, body: LAYER }),
  )
  .map((target) => callTo({ ...target, query: '' }, {}));

function callTo({ method, path, query, body }: Target, headers: Record<string, string>): Call {
  // As every client does: without a fragment, and with dot segments resolved.
  const url = new URL(`http://registry.test${`${path}${query === '' ? '' : `?${query}`}`.replaceAll('#', '%23')}`);
  // So that a failure can be read.
  const told = () => `${method} ${url.pathname}${url.search} ${JSON.stringify(headers)} with body ${BODIES.indexOf(body)}`;
  return Object.assign({ method, url, headers, body }, { [fc.toStringMethod]: told });
}

/** Calls that store something for later calls to find. */
export const PREPARATION: readonly Call[] = [
  ...[CONFIG, LAYER].map((body) => ({
    method: 'POST',
    path: '/v2/a/blobs/uploads/',
    query: `digest=${body.digests.sha256}`,
    body,
  })),
  { method: 'PUT', path: '/v2/a/manifests/latest', query: '', body: IMAGE },
].map((target) => callTo(target, {}));
