import { type Context, Hono } from 'hono';
import { readCredentials } from '../../auth/credentials.ts';
import type { HtpasswdAuthenticator, IssuedToken, TokenRequest, TokenResult } from '../../auth/htpasswd-authenticator.ts';
import { excerpt } from '../../domain/excerpt.ts';
import { Failure } from '../../domain/failure.ts';
import { readAtMost } from '../../registry/body/whole-body.ts';
import type { Intake } from '../../registry/uploads/part-reader.ts';
import { basicChallenge } from '../challenge.ts';
import type { AddressOf } from '../client-address.ts';
import { TOKEN_PATH } from '../guard.ts';

export interface TokenRoutesOptions {
  readonly htpasswd: HtpasswdAuthenticator;
  readonly addressOf: AddressOf;
  readonly intake: Intake;
}

/**
 * Issues tokens to `docker login` and to all clients: https://distribution.github.io/distribution/spec/auth/token/ (GET) and
 * https://distribution.github.io/distribution/spec/auth/oauth/ (POST)
 */
export function tokenRoutes({ htpasswd, addressOf, intake }: TokenRoutesOptions): Hono {
  const routes = new Hono();

  const forPassword = (c: Context, user: string, password: string, request: TokenRequest) =>
    htpasswd.tokenForPassword(user, password, addressOf(c.req.raw), request);

  const answer = (c: Context, result: TokenResult) => {
    if (result.kind === 'issued') return c.json(tokenBody(result), 200, { 'Cache-Control': 'no-store' });
    throw new Failure('unauthorized', result.message, { headers: basicChallenge(htpasswd.service) });
  };

  routes.get(TOKEN_PATH, async (c) => {
    const scopes = (c.req.queries('scope') ?? []).join(' ');
    const request = { scopes, wantsRefresh: c.req.query('offline_token') === 'true' };
    const credentials = readCredentials(c.req.header('Authorization'));
    if (credentials.kind === 'basic') return answer(c, await forPassword(c, credentials.user, credentials.password, request));
    if (credentials.kind === 'none') return answer(c, await htpasswd.tokenForAnonymous(request));
    throw invalid('the Authorization header of a token request must be Basic credentials, or absent');
  });

  routes.post(TOKEN_PATH, async (c) => {
    const form = await readForm(c.req.raw, intake);
    const request = { scopes: form.getAll('scope').join(' '), wantsRefresh: form.get('access_type') === 'offline' };
    const grantType = form.get('grant_type') ?? 'missing';
    if (grantType === 'refresh_token') return answer(c, await htpasswd.tokenForRefresh(form.get('refresh_token') ?? '', request));
    if (grantType !== 'password') throw invalid(`grant_type must be password or refresh_token, not ${excerpt(grantType)}`);
    const [user, password] = [form.get('username') ?? '', form.get('password') ?? ''];
    // An empty name and password mean no credentials, as in a Basic header.
    const isAnonymous = user === '' && password === '';
    return answer(c, await (isAnonymous ? htpasswd.tokenForAnonymous(request) : forPassword(c, user, password, request)));
  });

  return routes;
}

function tokenBody({ token, issuedAt, expiresInSeconds, refreshToken, scopes }: IssuedToken) {
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

/**
 * Far more than any password or token needs. These clients have not signed in yet, so it is below the size of bodies that are
 * parked in the bucket.
 */
const MAX_FORM_BYTES = 32 * 1024;
const FORM_TYPE = 'application/x-www-form-urlencoded';
const FAILURES = { interrupted: 'token-request-invalid', tooSlow: 'token-request-too-slow' } as const;

/** @throws {Failure} token-request-invalid, token-request-too-slow */
async function readForm({ headers, body }: Request, intake: Intake): Promise<URLSearchParams> {
  const type = headers.get('Content-Type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== FORM_TYPE) throw invalid(`Content-Type must be ${FORM_TYPE}, not ${excerpt(type || 'missing')}`);
  const whole = await readAtMost(body, MAX_FORM_BYTES, intake, FAILURES);
  if (whole === undefined) throw invalid(`the form is too long: it may have at most ${MAX_FORM_BYTES} bytes`);
  const form = new URLSearchParams(new TextDecoder().decode(whole.bytes));
  whole.release();
  return form;
}

function invalid(message: string): Failure {
  return new Failure('token-request-invalid', message);
}
