import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { translateRegistry2Config } from '../../src/cli/launcher/registry2-config.ts';

/** As a user of registry:2 may have it. */
const TYPICAL = `
version: 0.1
log:
  level: warn
  accesslog:
    disabled: true
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
  delete:
    enabled: true
  maintenance:
    uploadpurging:
      enabled: true
      age: 168h
      interval: 24h
      dryrun: false
    readonly:
      enabled: false
auth:
  htpasswd:
    realm: basic-realm
    path: /etc/registry/htpasswd
http:
  addr: :5000
  secret: asecretforlocaldevelopment
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
`;

test('a typical config.yml becomes settings of the same names, with remarks about ignored keys', () => {
  expect(translateRegistry2Config(TYPICAL)).toEqual({
    settings: {
      REGISTRY_LOG_LEVEL: 'warn',
      REGISTRY_LOG_ACCESSLOG_DISABLED: 'true',
      REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR: 'inmemory',
      REGISTRY_STORAGE_DELETE_ENABLED: 'true',
      REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED: 'true',
      REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE: '168h',
      REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_DRYRUN: 'false',
      REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED: 'false',
      REGISTRY_AUTH: 'htpasswd',
      REGISTRY_AUTH_HTPASSWD_REALM: 'basic-realm',
      REGISTRY_AUTH_HTPASSWD_PATH: '/etc/registry/htpasswd',
      REGISTRY_HTTP_SECRET: 'asecretforlocaldevelopment',
      REGISTRY_HTTP_HEADERS_X_Content_Type_Options: '["nosniff"]',
    },
    port: '5000',
    host: undefined,
    remarks: [
      expect.stringContaining('storage.filesystem'),
      expect.stringContaining('uploadpurging.interval'),
      expect.stringContaining('http.addr'),
    ],
  });
});

test('headers may be flags and numbers, as in the examples of docker-registry-ui', () => {
  const headers = '{Access-Control-Allow-Credentials: [true], Access-Control-Max-Age: [1728000], X-Number: 1, X-Flag: true}';
  const { settings } = translateRegistry2Config(`version: 0.1\nhttp: {headers: ${headers}}`);
  expect(parseConfig(settings).http.headers).toMatchObject({
    'Access-Control-Allow-Credentials': 'true',
    'Access-Control-Max-Age': '1728000',
    'X-Number': '1',
    'X-Flag': 'true',
  });
});

test('the bucket of storage.s3 becomes settings', () => {
  const storage = { s3: { region: 'eu-west-1', bucket: 'images', accesskey: 'key', secretkey: 'secret', encrypt: true } };
  const { settings, remarks } = translateRegistry2Config(JSON.stringify({ version: 0.1, storage }));
  expect(settings).toEqual({
    REGISTRY_STORAGE: 's3',
    REGISTRY_STORAGE_S3_REGION: 'eu-west-1',
    REGISTRY_STORAGE_S3_BUCKET: 'images',
    REGISTRY_STORAGE_S3_ACCESSKEY: 'key',
    REGISTRY_STORAGE_S3_SECRETKEY: 'secret',
  });
  expect(remarks).toEqual([expect.stringContaining('storage.s3')]);
});

test.each([
  ['version: 0.2', 'version is 0.2, and must be 0.1'],
  ['just text', 'it is not a config.yml of registry:2'],
  ['version: 0.1\nproxy: {remoteurl: "https://registry-1.docker.io"}', 'proxy.remoteurl is not supported'],
  ['version: 0.1\nnotifications: {endpoints: [{name: a}]}', 'notifications.endpoints is not supported'],
  ['version: 0.1\nstorage: {azure: {accountname: a}}', 'storage.azure.accountname is not supported'],
  ['version: 0.1\nmiddleware: {storage: [{name: cloudfront}]}', 'middleware.storage is not supported'],
])('%j is refused: %s', (text, message) => {
  expect(() => translateRegistry2Config(text)).toThrow(message);
});
