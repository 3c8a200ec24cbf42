/** How the passwords begin that tests show to servers: what a log tells of them can be found. */
const TEST_PASSWORD = 'tell-nobody';

/** Any number of passwords that servers may be shown. */
export const testPassword = (which: string) => `${TEST_PASSWORD} ${which}`;

/** What no line of a log may hold, whoever's log it is. */
const GIVEAWAYS: readonly RegExp[] = [
  /X-Amz-Signature/i, // Of a presigned URL.
  /eyJ[\w-]{4}/, // Tokens, refresh tokens and sealed states begin so: base64url of `{"`.
  /\b_state=/,
  /\bAuthorization\b/i,
  /\bBasic (?!realm=)[\w+/=]+/i,
  /\bBearer (?!realm=)[\w.+/=-]+/i,
  new RegExp(TEST_PASSWORD),
  /\$2[aby]\$\d\d\$/, // A password's bcrypt hash.
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
 * @param secrets - that are in nobody's log either
 * @throws where a line tells one
 */
export function assertNoSecrets(output: string, secrets: readonly string[] = []): void {
  // In a line of JSON quotes and the like are written otherwise.
  const forms = secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]);
  const telling = output
    .split('\n')
    .filter((line) => GIVEAWAYS.some((giveaway) => giveaway.test(line)) || forms.some((form) => line.includes(form)));
  if (telling.length > 0) throw new Error(`the log tells what is secret:\n${telling.join('\n')}`);
}
