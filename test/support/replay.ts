import { expect } from 'vitest';

interface Sent {
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array | ReadableStream<Uint8Array>;
}

/** Sends the requests of a client one by one, and follows each answer like the client. */
export class Replay {
  readonly #registry: () => string;

  /** @param registry - the URL of the registry */
  constructor(registry: () => string) {
    this.#registry = registry;
  }

  /** Sends one request, and expects the status with which the client continues. */
  async expect(status: number, method: string, target: string | URL, { headers = {}, body }: Sent = {}): Promise<Response> {
    const url = new URL(target, this.#registry());
    const response = await fetch(url, { method, redirect: 'manual', headers, ...(body && { body, duplex: 'half' }) });
    const said = response.status === status || method === 'HEAD' ? '' : await response.text();
    expect(response.status, `${method} ${url.pathname} ${said}`).toBe(status);
    return response;
  }

  /** The absolute URL of an answer's `Location`, with additions to its query. */
  next(answer: Response, query: Readonly<Record<string, string>> = {}): URL {
    const url = new URL(answer.headers.get('Location') ?? '', answer.url);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url;
  }

  /** GETs a blob, follows redirects with the same headers, and expects the status of the last answer. */
  async pull(status: number, path: string, headers: Record<string, string> = {}): Promise<Response> {
    const first = await fetch(new URL(path, this.#registry()), { redirect: 'manual', headers });
    const response = first.status === 307 ? await fetch(this.next(first), { headers }) : first;
    expect(response.status, `GET ${path}`).toBe(status);
    return response;
  }

  /** Reads at most so many bytes, then cancels the answer. */
  async firstBytes(response: Response, count: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let length = 0;
    for await (const piece of response.body!) {
      pieces.push(piece);
      length += piece.length;
      if (length >= count) break;
    }
    return Buffer.concat(pieces).subarray(0, count);
  }
}
