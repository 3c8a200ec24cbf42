/** The beginning of every password that tests send to servers, so that it can be found in a log. */
const TEST_PASSWORD = 'tell-nobody';

/** A password that tests may send to servers. */
export const testPassword = (which: string) => `${TEST_PASSWORD} ${which}`;

/** Patterns of secrets, which no line of any log may contain. */
const GIVEAWAYS: readonly RegExp[] = [
  /X-Amz-Signature/i, // Part of a presigned URL.
  /eyJ[\w-]{4}/, // The beginning of tokens, refresh tokens and sealed states: base64url of `{"`.
  /\b_state=/,
  /\bAuthorization\b/i,
  /\bBasic (?!realm=)[\w+/=]+/i,
  /\bBearer (?!realm=)[\w.+/=-]+/i,
  new RegExp(TEST_PASSWORD),
  /\$2[aby]\$\d\d\$/, // A bcrypt hash.
];

const SECRET_SETTINGS = /^REGISTRY_(?:STORAGE_S3_(?:ACCESS|SECRET)KEY|HTTP_SECRET)$/;

/** The values of those settings that are secret. */
export function secretsOf(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings)
    .filter(([name]) => SECRET_SETTINGS.test(name))
    .flatMap(([name, value]) => (name === 'REGISTRY_HTTP_SECRET' ? value.split(',') : [value]))
    .map((secret) => secret.trim());
}

/**
 * @param secrets - further texts that no log may contain
 * @throws where a line contains a secret
 */
export function assertNoSecrets(output: string, secrets: readonly string[] = []): void {
  // In a line of JSON, quotes and some other characters are escaped.
  const forms = secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]);
  const telling = output
    .split('\n')
    .filter((line) => GIVEAWAYS.some((giveaway) => giveaway.test(line)) || forms.some((form) => line.includes(form)));
  if (telling.length > 0) throw new Error(`the log contains secrets:\n${telling.join('\n')}`);
}
