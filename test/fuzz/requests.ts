import { expect } from 'vitest';
import { type ApiClient, bodyOf } from '../support/api-client.ts';
import type { Call, Expected, RegistryModel } from './registry-model.ts';
import { ERROR_CODES } from './spec.ts';

/** A registry and its model. */
export interface Subject {
  readonly client: ApiClient;
  readonly model: RegistryModel;
}

/** Sends a call and compares the answer with the model's. @returns the status, with the error code of a refusal */
export async function expectAnswer({ client, model }: Subject, call: Call): Promise<string> {
  const { method, url, headers, body } = call;
  const expected = model.answer(call);
  const hasBody = method !== 'GET' && method !== 'HEAD';
  const response = await client.request(method, url.pathname + url.search, { headers, ...(hasBody && { body: body.bytes }) });
  const bytes = await bodyOf(response);
  const isRefusal = response.status >= 400;
  const withoutCodes = (answers: readonly string[]) => answers.map((answer) => answer.split(' ')[0]);
  const answer = isRefusal && method !== 'HEAD' ? `${response.status} ${errorCode(response, bytes)}` : `${response.status}`;
  expect(method === 'HEAD' ? withoutCodes(expected.answers) : expected.answers).toContain(answer);
  expectHeaders(response, expected);
  expectBody(method, bytes, expected);
  return answer;
}

function expectHeaders({ status, headers }: Response, expected: Expected): void {
  const { location, ...others } = expected.headers ?? {};
  expect(Object.fromEntries(headers)).toMatchObject({ 'docker-distribution-api-version': 'registry/2.0', ...others });
  // A proxy decides the host, but there is always one.
  if (location !== undefined) expect(new URL(headers.get('Location')!).pathname).toBe(location);
  if (status === 405) expect(headers.get('Allow')).toMatch(/^[A-Z]+(, [A-Z]+)*$/);
}

function expectBody(method: string, bytes: Uint8Array, expected: Expected): void {
  if (method === 'HEAD') expect(bytes).toHaveLength(0);
  else if (expected.bytes !== undefined) expect(Buffer.from(bytes).equals(expected.bytes)).toBe(true);
  else if (expected.json !== undefined) expect(parseJson(bytes)).toEqual(expected.json);
}

/** The code of an error in the specification's format. */
export function errorCode(response: Response, bytes: Uint8Array): string {
  expect(response.headers.get('Content-Type')).toBe('application/json');
  const { errors } = parseJson(bytes) as { errors: { code: string; message: unknown }[] };
  expect(errors).toHaveLength(1);
  expect(typeof errors[0]!.message).toBe('string');
  expect(ERROR_CODES).toContain(errors[0]!.code);
  return errors[0]!.code;
}

function parseJson(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}
