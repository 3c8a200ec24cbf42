import { request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import type { RecordedRequest } from './requests.ts';

/** An answer, without the parts that can't be compared between two registries. */
export interface Answer {
  readonly status: number;
  /** Names are in lower case. Parts of values that differ between runs are replaced. */
  readonly headers: Readonly<Record<string, string>>;
  /** The error code of an answer from 400; `none` where the body does not have the specification's format. */
  readonly code: string | undefined;
  /** The body of an answer below 400. Tags are sorted, since registry:2 does not sort them. */
  readonly body: string | undefined;
}

/** Sends all requests, one after the other. */
export async function exchange(url: string, requests: readonly RecordedRequest[]): Promise<Map<string, Answer>> {
  const answers = new Map<string, Answer>();
  const places = { '<upload>': '', '<next>': '' };
  for (const each of requests) {
    const path = each.path.replace(/^<\w+>/, (place) => places[place as keyof typeof places]);
    const answer = await send(url, { ...each, path });
    const { headers } = answer;
    if (headers['location']?.includes('/blobs/uploads/') === true) places['<upload>'] = `${pathOf(headers['location'])}&`;
    const next = /<([^>]+)>/.exec(headers['link'] ?? '')?.[1];
    if (next !== undefined) places['<next>'] = pathOf(next);
    answers.set(each.name, { ...answer, headers: normalised(answer, url) });
  }
  return answers;
}

function pathOf(location: string): string {
  const { pathname, search } = new URL(location, 'http://relative');
  return pathname + search;
}

/** Uses node:http, since fetch adds headers and hides some. */
function send(url: string, { method, path, headers, body }: RecordedRequest): Promise<Answer> {
  const length =
    body === undefined && method !== 'PUT' && method !== 'POST' && method !== 'PATCH'
      ? {}
      : { 'Content-Length': body?.length ?? 0 };
  return new Promise((resolve, reject) => {
    const sent = request(url + path, { method, headers: { ...headers, ...length }, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      // Some error answers of registry:2 are shorter than their Content-Length.
      response.on('error', () => undefined);
      response.on('close', () => {
        const { statusCode = 0, headers } = response;
        const received = Buffer.concat(pieces);
        const content = headers['content-encoding'] === 'gzip' ? gunzipSync(received) : received;
        const told = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
        // Bodies are compared as JSON, so their length may differ.
        if (content.length > 0 && told['content-length'] === `${content.length}`) told['content-length'] = '<length>';
        resolve({ status: statusCode, headers: told, ...contentOf(statusCode, content) });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function contentOf(status: number, content: Buffer): Pick<Answer, 'code' | 'body'> {
  const json = jsonOf(content);
  if (status >= 400) return { code: json?.errors?.[0]?.code ?? 'none', body: undefined };
  json?.tags?.sort();
  return { code: undefined, body: json === undefined ? content.toString() : JSON.stringify(json) };
}

function jsonOf(content: Buffer): { errors?: { code: string }[]; tags?: string[] } | undefined {
  try {
    return JSON.parse(content.toString()) as object;
  } catch {
    return undefined;
  }
}

const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

function normalised({ status, headers }: Answer, url: string): Record<string, string> {
  const values = Object.entries(headers).map(([name, value]): [string, string] => {
    if (name === 'date') return [name, '<date>'];
    if (name === 'content-length' && status >= 400) return [name, '<length>'];
    if (name === 'allow') return [name, value.split(', ').sort().join(', ')];
    if (value.includes('X-Amz-Signature=')) return [name, '<presigned URL>'];
    return [
      name,
      value
        .replaceAll(url, '<host>')
        .replace(UUID, '<uuid>')
        .replace(/_state=[^&]+/, '_state=<state>'),
    ];
  });
  return Object.fromEntries(values);
}
