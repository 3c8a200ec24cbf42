/** The types of settings. Each turns the text of an environment variable into a value, or reports what is wrong with it. */
import { z } from 'zod';
import { findCertificate } from '../domain/certificate.ts';
import { excerpt } from '../domain/excerpt.ts';
import { findHostName } from '../domain/host-name.ts';
import { isSecretKey, isVerifyingKey } from '../domain/json-web-key.ts';
import { parseYaml, YamlError } from './yaml.ts';

export const flag = z.enum(['true', 'false'], 'must be true or false').transform((text) => text === 'true');

export const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be from ${min} to ${max}`);

export const httpUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .refine((url) => /^[\x21-\x7e]+$/.test(url), 'must be an http or https URL in ASCII: it is sent in headers')
  .transform((url) => url.replace(/\/+$/, ''));

export const text = z.string().trim().min(1, 'must not be empty');

/** Reports the errors of a parser as errors of the setting. */
export const parsedBy = <T>(parse: (text: string) => T, isParserError: (error: unknown) => error is Error) =>
  z.string().transform((text, context) => {
    try {
      return parse(text);
    } catch (error) {
      if (!isParserError(error)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  });

/** YAML, or JSON, which is YAML too. */
export const yaml = parsedBy(parseYaml, (error) => error instanceof YamlError);

/** Host names, separated by commas. A port is allowed, and ignored. */
export const hostNames = text.transform((list, context) =>
  list.split(',').map((entry) => {
    const name = findHostName(entry.trim());
    if (name !== undefined) return name;
    context.addIssue({
      code: 'custom',
      message: `must be host names, separated by commas: "${excerpt(entry.trim())}" is not a host name`,
    });
    return z.NEVER;
  }),
);

/** Text that can stand in a quoted string of a header. */
export const plainText = text.regex(/^[\x20-\x7e]+$/, 'must be printable ASCII');

/** A key set in JSON, or the URL of one. */
export const jwks = text.transform((value, context) => {
  if (/^https?:/.test(value) && URL.canParse(value)) return new URL(value);
  const parsed = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) }).safeParse(yaml.safeParse(value).data);
  const message = parsed.success ? problemOf(parsed.data.keys) : 'must be a URL, or a JSON Web Key Set';
  if (parsed.success && message === undefined) return parsed.data;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

function problemOf(keys: readonly { readonly kty: string }[]): string | undefined {
  if (keys.some(isSecretKey)) return 'must hold public keys only: with a private key, anyone can issue tokens';
  return keys.some(isVerifyingKey) ? undefined : 'must hold a key for RS256 or ES256';
}

/** A list of certificates, each in PEM. */
export const pem = text
  .transform((value) => value.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [])
  .refine((certificates) => certificates.length > 0, 'must hold certificates in PEM')
  .refine(
    (certificates) => certificates.every((each) => findCertificate(each) !== undefined),
    'contains an unreadable certificate',
  );
