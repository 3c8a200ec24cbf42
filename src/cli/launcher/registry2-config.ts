/** Translates a config.yml of registry:2 (https://distribution.github.io/distribution/about/configuration/) to Berth's settings. */
import { readFileSync } from 'node:fs';
import { isKnownSetting } from '../../config/settings.ts';
import { HEADERS_PREFIX } from '../../config/headers.ts';
import { parseYaml } from '../../config/yaml.ts';
import { LaunchError } from '../launch-error.ts';

export interface Registry2Config {
  readonly settings: Readonly<Record<string, string>>;
  readonly port: string | undefined;
  readonly host: string | undefined;
  /** What the operator should know about keys that are ignored. */
  readonly remarks: readonly string[];
}

/** Keys that Berth ignores, by prefix, with a remark where the operator may expect an effect. */
const IGNORED: readonly (readonly [prefix: string, remark: string | undefined])[] = [
  [
    'REGISTRY_STORAGE_FILESYSTEM',
    'storage.filesystem is ignored: Berth stores images in BERTH_DATA. Copy them with skopeo or crane',
  ],
  ['REGISTRY_STORAGE_INMEMORY', 'storage.inmemory is ignored: Berth stores images in BERTH_DATA'],
  ['REGISTRY_STORAGE_CACHE', 'storage.cache is ignored: Berth caches links in memory only'],
  ['REGISTRY_STORAGE_TAG', undefined],
  [
    'REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_INTERVAL',
    'storage.maintenance.uploadpurging.interval is ignored: purging runs every hour',
  ],
  ['REGISTRY_STORAGE_S3', 'storage.s3 has keys that Berth ignores'],
  ['REGISTRY_HTTP_TLS', 'http.tls is ignored: put a proxy with TLS in front, or deploy to Cloudflare'],
  ['REGISTRY_HTTP_DEBUG', undefined],
  ['REGISTRY_HTTP_NET', undefined],
  ['REGISTRY_HTTP_HTTP2', undefined],
  ['REGISTRY_HTTP_H2C', undefined],
  ['REGISTRY_HTTP_DRAINTIMEOUT', undefined],
  ['REGISTRY_HEALTH', undefined],
  ['REGISTRY_LOG_FIELDS', undefined],
  ['REGISTRY_LOG_HOOKS', 'log.hooks is ignored: Berth calls no hooks'],
  ['REGISTRY_LOG_REPORTCALLER', undefined],
  ['REGISTRY_REDIS', undefined],
  ['REGISTRY_COMPATIBILITY', undefined],
];

/** @throws {LaunchError} where the file can't be read, or has a key that Berth doesn't support */
export function readRegistry2Config(path: string): Registry2Config {
  try {
    return translateRegistry2Config(readFileSync(path, 'utf8'));
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new LaunchError(code === undefined ? `${path}: ${message}` : `cannot read ${path} (${code})`, { cause });
  }
}

/** @throws {Error} whose message is one line */
export function translateRegistry2Config(text: string): Registry2Config {
  const file = parseYaml(text);
  if (!isMapping(file)) throw new Error('it is not a config.yml of registry:2: it has no keys');
  const { version, loglevel, ...rest } = file;
  if (String(version) !== '0.1') throw new Error(`version is ${String(version)}, and must be 0.1`);
  const given = new Map(flatten('REGISTRY', rest));
  if (typeof loglevel === 'string' && !given.has('REGISTRY_LOG_LEVEL')) given.set('REGISTRY_LOG_LEVEL', loglevel);
  const address = /^(.*):(\d+)$/.exec(given.get('REGISTRY_HTTP_ADDR') ?? '');
  given.delete('REGISTRY_HTTP_ADDR');
  const settings: Record<string, string> = { ...kindsOf(rest) };
  const remarks = new Set<string>();
  for (const [name, value] of given) {
    const ignored = IGNORED.find(([prefix]) => name === prefix || name.startsWith(`${prefix}_`));
    if (isSupported(name, value)) settings[name] = value;
    else if (ignored === undefined)
      throw new Error(`${placeOf(name)} is not supported: remove it (docs/configuration.md lists the settings)`);
    else if (ignored[1] !== undefined) remarks.add(ignored[1]);
  }
  if (address !== null && address[1] === '')
    remarks.add(`http.addr has no host: Berth listens on localhost only; set HOST=0.0.0.0 for every address`);
  return { settings, port: address?.[2], host: address?.[1] || undefined, remarks: [...remarks] };
}

function isSupported(name: string, value: string): boolean {
  if (name === 'REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR') return value === 'inmemory';
  return isKnownSetting(name) || name.startsWith(HEADERS_PREFIX) || name === 'REGISTRY_AUTH_HTPASSWD_PATH';
}

/** The kinds of authentication and storage: the file names them by its sections. */
function kindsOf({ auth, storage }: Record<string, unknown>): Record<string, string> {
  const kind = isMapping(auth) ? Object.keys(auth)[0] : undefined;
  return {
    ...(kind !== undefined && { REGISTRY_AUTH: kind }),
    ...(isMapping(storage) && 's3' in storage && { REGISTRY_STORAGE: 's3' }),
  };
}

/** Each value, under the name that registry:2 reads from its environment. */
function flatten(prefix: string, mapping: Record<string, unknown>): [string, string][] {
  return Object.entries(mapping).flatMap(([key, value]): [string, string][] => {
    // The names of headers keep their case.
    const part = `${prefix}_` === HEADERS_PREFIX ? key.replaceAll('-', '_') : key.toUpperCase();
    const name = `${prefix}_${part}`;
    if (value === null || value === undefined) return [];
    if (isMapping(value)) return flatten(name, value);
    return [[name, typeof value === 'string' ? value : JSON.stringify(value)]];
  });
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The key as in the file, such as `storage.s3`. */
function placeOf(name: string): string {
  return name
    .replace(/^REGISTRY_/, '')
    .toLowerCase()
    .replaceAll('_', '.');
}
