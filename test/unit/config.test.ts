import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { SETTINGS } from '../../src/config/settings.ts';
import { configErrorOf } from '../support/config-error.ts';

const S3 = {
  REGISTRY_STORAGE_S3_BUCKET: 'berth',
  REGISTRY_STORAGE_S3_ACCESSKEY: 'access',
  REGISTRY_STORAGE_S3_SECRETKEY: 'very-secret-value',
};

describe('settings', () => {
  test('have defaults for the embedded store, and are frozen', () => {
    const config = parseConfig({ PATH: '/bin', BUCKET: {} });
    expect(config).toMatchObject({
      storage: { isEmbedded: true, s3: undefined, partBytes: 8_388_608, redirect: { enabled: false } },
    });
    expect(Object.isFrozen(config.storage.redirect)).toBe(true);
  });

  test('choose S3 where they name a bucket, with redirects that are valid for twenty minutes', () => {
    expect(parseConfig(S3).storage).toMatchObject({
      isEmbedded: false,
      s3: { bucket: 'berth', region: 'us-east-1', forcePathStyle: true, timeoutMs: 3000 },
      redirect: { enabled: true, expiresInSeconds: 1200 },
    });
  });

  test('with both r2 and S3 credentials keep the binding, and presign URLs', () => {
    const { isEmbedded, redirect } = parseConfig({ ...S3, REGISTRY_STORAGE: 'r2' }).storage;
    expect({ isEmbedded, redirect: redirect.enabled }).toEqual({ isEmbedded: true, redirect: true });
  });

  test("take values in registry:2's forms", () => {
    const config = parseConfig({
      ...S3,
      REGISTRY_STORAGE_S3_ROOTDIRECTORY: '/some/root/',
      REGISTRY_STORAGE_REDIRECT_DISABLE: 'true',
      REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE: '12h30m',
      REGISTRY_HTTP_HOST: 'https://registry.example/',
      REGISTRY_HTTP_SECRET: 'a-secret-of-the-operator, another-secret-of-old',
    });
    expect(config.storage.rootDirectory).toBe('some/root');
    expect(config.storage.redirect.enabled).toBe(false);
    expect(config.uploadPurging.ageSeconds).toBe(45_000);
    expect(config.http).toMatchObject({
      host: 'https://registry.example',
      secrets: ['a-secret-of-the-operator', 'another-secret-of-old'],
    });
  });

  test.each([
    ['REGISTRY_STORAGE', 'gcs'],
    ['REGISTRY_STORAGE', 's3'],
    ['REGISTRY_STORAGE_S3_REGIONENDPOINT', '127.0.0.1:9000'],
    ['REGISTRY_STORAGE_S3_REGIONENDPOINT', 'ftp://host'],
    ['REGISTRY_STORAGE_S3_CHUNKSIZE', '1000'],
    ['REGISTRY_STORAGE_S3_CHUNKSIZE', 'large'],
    ['REGISTRY_STORAGE_S3_ROOTDIRECTORY', '../up'],
    ['REGISTRY_STORAGE_REDIRECT_DISABLE', 'yes'],
    ['REGISTRY_STORAGE_REDIRECT_EXPIRY', '1s'],
    ['REGISTRY_STORAGE_S3_TIMEOUT', '61s'],
    ['REGISTRY_STORAGE_S3_TIMEOUT', '0s'],
    ['REGISTRY_STORAGE_MAINTENANCE_GRACEPERIOD', '24'],
    ['REGISTRY_STORAGE_MAINTENANCE_GRACEPERIOD', ''],
    ['REGISTRY_STORAGE_S3_ACCESSKEY', 'without-a-bucket'],
    ['REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE', '11h'],
    ['REGISTRY_AUTH', 'htpasswd'],
    ['REGISTRY_AUTH', 'token'],
    ['REGISTRY_AUTH', 'ldap'],
    ['REGISTRY_ACCESS', '[]'],
    ['REGISTRY_AUTH_HTPASSWD_OBJECT', 'users'],
    ['REGISTRY_AUTH_HTPASSWD_PATH', '/etc/htpasswd'],
    ['REGISTRY_HTTP_HEADERS_X_Some', 'two\nlines'],
    ['REGISTRY_HTTP_HEADERS_X_Some', '[{}]'],
    ['REGISTRY_HTTP_HEADERS_', 'nothing'],
    ['REGISTRY_HTTP_SECRET', 'short'],
    ['REGISTRY_LOG_LEVEL', 'loud'],
    ['REGISTRY_CATALOG_MAXENTRIES', '0'],
    ['REGISTRY_HTTP_ADDR', ':5000'],
    ['REGISTRY_STORAGE_S3_BUKCET', 'berth'],
  ])('%s=%s is refused in one line that names the setting', (name, value) => {
    const message = configErrorOf({ [name]: value });
    expect(message).toMatch(new RegExp(`^(${name}|REGISTRY_STORAGE_S3_BUCKET)[ =]`));
    expect(message).not.toContain('\n');
  });

  test.each(['REGISTRY_STORAGE_S3_ACCESSKEY', 'REGISTRY_STORAGE_S3_SECRETKEY'] as const)(
    'without %s are refused by a message that names it, and contains no secret',
    (name) => {
      const { [name]: _, ...rest } = S3;
      const message = configErrorOf(rest);
      expect(message).toContain(name);
      expect(message).not.toContain('very-secret-value');
    },
  );

  test('have one line each in docs/configuration.md', () => {
    const docs = readFileSync(join(import.meta.dirname, '../../docs/configuration.md'), 'utf8');
    const explained = [...docs.matchAll(/^\| `(REGISTRY_[A-Z0-9_]+)`/gm)].map(([, name]) => name);
    expect(explained.sort()).toEqual(Object.keys(SETTINGS).sort());
  });
});
