import { type Context, Hono } from 'hono';
import type { HtpasswdAuthenticator, GivenToken, TokenRequest } from '../../auth/htpasswd-authenticator.ts';
import { readCredentials } from '../../auth/credentials.ts';
import { Failure } from '../../domain/failure.ts';
import type { Intake } from '../../registry/uploads/part-reader.ts';
import { readAtMost } from '../../registry/body/whole-body.ts';
import { basicChallenge } from '../challenge.ts';
import type { AddressOf } from '../client-address.ts';
import { TOKEN_PATH } from '../guard.ts';

/**
 * Where docker login and every client get their tokens: https://distribution.github.io/distribution/spec/auth/token/ (GET) and
 * https://distribution.github.io/distribution/spec/auth/oauth/ (POST)
 */
export function tokenRoutes(accounts: HtpasswdAuthenticator, addressOf: AddressOf, intake: Intake): Hono {
  const routes = new Hono();

  const forPassword = (c: Context, user: string, password: string, request: TokenRequest) =>
    answer(c, accounts, accounts.tokenForPassword(user, password, addressOf(c.req.raw), request));

  routes.get(TOKEN_PATH, (c) => {
    const scopes = (c.req.queries('scope') ?? []).join(' ');
    const request = { scopes, wantsRefresh: c.req.query('offline_token') === 'true' };
    const credentials = readCredentials(c.req.header('Authorization'));
    if (credentials.kind === 'basic') return forPassword(c, credentials.user, credentials.password, request);
    if (credentials.kind === 'none') return answer(c, accounts, accounts.tokenForAnonymous(request));
    throw new Failure('token-request-invalid', 'a token is given for a user and a password (Basic), or for nobody');
  });

  routes.post(TOKEN_PATH, async (c) => {
    const form = new URLSearchParams(await readForm(c.req.raw, intake));
    const field = (name: string) => form.get(name) ?? '';
    const request = { scopes: form.getAll('scope').join(' '), wantsRefresh: field('access_type') === 'offline' };
    const grant = field('grant_type');
    const [user, password] = [field('username'), field('password')];
    // As an empty name and password in a header.
    if (grant === 'password' && user === '' && password === '') return answer(c, accounts, accounts.tokenForAnonymous(request));
    if (grant === 'password') return forPassword(c, user, password, request);
    if (grant === 'refresh_token') return answer(c, accounts, accounts.tokenForRefresh(field('refresh_token'), request));
    throw new Failure('token-request-invalid', 'grant_type must be password or refresh_token');
  });

  return routes;
}

async function answer(c: Context, { service }: HtpasswdAuthenticator, given: Promise<GivenToken>): Promise<Response> {
  try {
    return c.json(tokenBody(await given), 200, { 'Cache-Control': 'no-store' });
  } catch (error) {
    if (!(error instanceof Failure) || (error.kind !== 'password-wrong' && error.kind !== 'token-invalid')) throw error;
    throw new Failure('unauthorized', error.message, { headers: basicChallenge(service) });
  }
}

function tokenBody({ token, issuedAt, expiresInSeconds, refreshToken, scopes }: GivenToken) {
  return {
    token,
    access_token: token,
    token_type: 'Bearer',
    scope: scopes,
    expires_in: expiresInSeconds,
    issued_at: `${issuedAt.toISOString().slice(0, 19)}Z`,
    ...(refreshToken !== undefined && { refresh_token: refreshToken }),
  };
}

/** Far more than any password or token. Below what is ever parked in the bucket: these clients have not signed in. */
const MAX_FORM_BYTES = 32 * 1024;
const FAILURES = { interrupted: 'token-request-invalid', tooSlow: 'token-request-too-slow' } as const;

/** @throws {Failure} token-request-invalid, token-request-too-slow */
async function readForm({ headers, body }: Request, intake: Intake): Promise<string> {
  const wrong = (message: string) => new Failure('token-request-invalid', message);
  const type = headers.get('Content-Type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded') throw wrong('the body must be a form (application/x-www-form-urlencoded)');
  const whole = await readAtMost(body, MAX_FORM_BYTES, intake, FAILURES);
  if (whole === undefined) throw wrong('the form is too long');
  const text = new TextDecoder().decode(whole.bytes);
  whole.release();
  return text;
}
