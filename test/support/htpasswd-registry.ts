/** A registry in memory with the users alice and bob. */
import { expect } from 'vitest';
import type { ApiClient } from './api-client.ts';
import { type MemoryRegistry, memoryRegistry } from './memory-registry.ts';
import { basic, htpasswd, SECRET } from './users.ts';

export const HTPASSWD_SETTINGS = {
  REGISTRY_AUTH: 'htpasswd',
  REGISTRY_AUTH_HTPASSWD: htpasswd({ alice: 'wonder land', bob: 'builder' }),
  REGISTRY_HTTP_SECRET: SECRET,
};

export const ALICE = { Authorization: basic('alice', 'wonder land') };
export const BOB = { Authorization: basic('bob', 'builder') };

export function htpasswdRegistry(
  settings: Record<string, string> = {},
  platform: Parameters<typeof memoryRegistry>[1] = {},
): MemoryRegistry {
  return memoryRegistry({ ...HTPASSWD_SETTINGS, ...settings }, platform);
}

export interface TokenAnswer {
  readonly token: string;
  readonly access_token: string;
  readonly expires_in: number;
  readonly issued_at: string;
  readonly scope: string;
  readonly refresh_token?: string;
}

/** Gets a token by GET. */
export async function tokenFor(client: ApiClient, query: string, headers: Record<string, string> = ALICE): Promise<TokenAnswer> {
  const response = await client.get(`/v2/_token?service=Berth&${query}`, headers);
  expect(response.status).toBe(200);
  return response.json<TokenAnswer>();
}

/** Requests a token by POST. */
export function postForm(client: ApiClient, form: Record<string, string>): Promise<Response> {
  return client.request('POST', '/v2/_token', {
    body: new TextEncoder().encode(new URLSearchParams(form).toString()),
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  });
}

export function bearer({ token }: { readonly token: string }): { Authorization: string } {
  return { Authorization: `Bearer ${token}` };
}
