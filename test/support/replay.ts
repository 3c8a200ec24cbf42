import { expect } from 'vitest';

interface Sent {
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array | ReadableStream<Uint8Array>;
}

/** Sends a client's requests one by one, following what each answer says just as the client does. */
export class Replay {
  readonly #registry: () => string;

  /** @param registry - its URL */
  constructor(registry: () => string) {
    this.#registry = registry;
  }

  /** Sends one request and holds that the answer's status is the one that this client goes on from. */
  async expect(status: number, method: string, target: string | URL, { headers = {}, body }: Sent = {}): Promise<Response> {
    const url = new URL(target, this.#registry());
    const response = await fetch(url, { method, redirect: 'manual', headers, ...(body && { body, duplex: 'half' }) });
    const said = response.status === status || method === 'HEAD' ? '' : await response.text();
    expect(response.status, `${method} ${url.pathname} ${said}`).toBe(status);
    return response;
  }

  /** Where an answer's `Location`, relative or not, says to go on, with more in its query. */
  next(answer: Response, query: Readonly<Record<string, string>> = {}): URL {
    const url = new URL(answer.headers.get('Location') ?? '', answer.url);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url;
  }

  /** GETs a blob, with the same headers again wherever a redirect leads, and holds the status of what comes in the end. */
  async pull(status: number, path: string, headers: Record<string, string> = {}): Promise<Response> {
    const first = await fetch(new URL(path, this.#registry()), { redirect: 'manual', headers });
    const response = first.status === 307 ? await fetch(this.next(first), { headers }) : first;
    expect(response.status, `GET ${path}`).toBe(status);
    return response;
  }

  /** Reads so many bytes, or what there is, and breaks the answer off. */
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
