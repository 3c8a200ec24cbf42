/**
 * Sends the AWS SDK's requests by one plain `fetch` each. The SDK's own handler creates a `Request` object first. workerd then
 * copies the part's bytes and keeps the copy until the next garbage collection: 500 MB of memory for a blob of 1 GB, in an
 * isolate that may have 128.
 */

import type { TimeLimits } from './time-limits.ts';

/** The fields of the SDK's request that are used here. The body is bytes or a stream. */
interface SdkRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  /** Percent-encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: BodyInit | null;
}

interface SdkResponse {
  readonly response: {
    readonly statusCode: number;
    readonly reason: string;
    readonly headers: Record<string, string>;
    readonly body: ReadableStream;
  };
}

export class FetchHandler {
  readonly #limits: TimeLimits;

  constructor(limits: TimeLimits) {
    this.#limits = limits;
  }

  /** @param requestTimeout - in milliseconds, until the answer is complete; for a large object, until its headers came */
  async handle(request: SdkRequest, { requestTimeout }: { readonly requestTimeout?: number } = {}): Promise<SdkResponse> {
    const { method, headers } = request;
    const deadline = new Deadline(requestTimeout);
    try {
      const body = method === 'GET' || method === 'HEAD' ? null : (request.body ?? null);
      const sent =
        body instanceof ReadableStream
          ? watched(body, Number(headers['content-length']), () => deadline.set(this.#limits.workMs))
          : body;
      const init = {
        method,
        headers,
        body: sent,
        signal: deadline.signal,
        ...(sent instanceof ReadableStream && { duplex: 'half' }),
      };
      const response = await fetch(urlOf(request), init);
      return {
        response: {
          statusCode: response.status,
          reason: response.statusText,
          headers: Object.fromEntries(response.headers),
          body: await this.#bodyOf(request, response, deadline),
        },
      };
    } catch (cause) {
      deadline.end();
      // By the name or the code of the error, the SDK decides whether it tries again.
      if (deadline.signal.aborted)
        throw Object.assign(new Error(`the storage did not answer within ${requestTimeout} ms`, { cause }), {
          name: 'TimeoutError',
        });
      throw Object.assign(new Error('the connection to the storage failed', { cause }), { code: 'ECONNRESET' });
    }
  }

  /** Reads a small body here: if it breaks off, the SDK repeats the call. The body of a large object is passed on. */
  async #bodyOf(request: SdkRequest, response: Response, deadline: Deadline): Promise<ReadableStream> {
    const bytes = Number(response.headers.get('Content-Length') ?? Infinity);
    if (isObject(request) && response.ok && bytes > SMALL_OBJECT_BYTES) {
      deadline.set(Number.isFinite(bytes) ? this.#limits.transferMs(bytes) : undefined);
      return response.body!;
    }
    const whole = await response.arrayBuffer();
    deadline.end();
    return new Response(whole).body!;
  }
}

/** Covers all links and nearly all manifests. */
const SMALL_OBJECT_BYTES = 64 * 1024;

/** Aborts a call at a time that can be moved until the call has ended. */
class Deadline {
  readonly #timeUp = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hasEnded = false;

  constructor(ms: number | undefined) {
    this.set(ms);
  }

  get signal(): AbortSignal {
    return this.#timeUp.signal;
  }

  /** @param ms - from now on; undefined for never */
  set(ms: number | undefined): void {
    clearTimeout(this.#timer);
    if (ms !== undefined && !this.#hasEnded) this.#timer = setTimeout(() => this.#timeUp.abort(), ms);
  }

  end(): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
  }
}

/** Returns the same stream, and calls `onEnd` when it has been read. JavaScript does not touch its bytes, to save CPU time. */
function watched(body: ReadableStream, bytes: number, onEnd: () => void): ReadableStream {
  // Only workerd has FixedLengthStream. Unit tests and commands run in Node.
  const passage = typeof FixedLengthStream === 'undefined' ? new TransformStream() : new FixedLengthStream(bytes);
  body.pipeTo(passage.writable).then(onEnd, () => undefined); // If the stream breaks off, the call fails by itself.
  return passage.readable;
}

/** Only GetObject has large answers. */
function isObject({ query }: SdkRequest): boolean {
  return query?.['x-id'] === 'GetObject';
}

function urlOf({ protocol, hostname, port, path, query = {} }: SdkRequest): string {
  const pairs = Object.entries(query).flatMap(([name, value]) => [value].flat().map((each) => [name, each ?? ''] as const));
  const search = pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');
  return `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}${search === '' ? '' : `?${search}`}`;
}
