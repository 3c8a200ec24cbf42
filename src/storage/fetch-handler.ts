/**
 * How the AWS SDK reaches the network: by one plain `fetch` a request. Its own handler makes a `Request` object first,
 * for which workerd copies a part's bytes and keeps the copy until the next garbage collection: 500 MB of memory for a
 * blob of 1 GB, in an isolate that may have 128.
 */

import type { TimeLimits } from './time-limits.ts';

/** The SDK's request, as far as it is used here; its body is bytes or a stream. */
interface SdkRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  /** Escaped. */
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

  /** @param requestTimeout - in milliseconds, until the answer is there, body and all unless that is a large object's */
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
      // By these the SDK knows what it may try again.
      if (deadline.signal.aborted) throw Object.assign(new Error('no answer in time', { cause }), { name: 'TimeoutError' });
      throw Object.assign(new Error('the connection failed', { cause }), { code: 'ECONNRESET' });
    }
  }

  /** A body that is read here and breaks off or stops is a call that failed, to be tried again. Only a large object's is passed on. */
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

/** All links, and nearly all manifests. */
const SMALL_OBJECT_BYTES = 64 * 1024;

/** When a call is broken off. It can be put off until the call has ended. */
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

  /** @param ms - from now on; undefined: never */
  set(ms: number | undefined): void {
    clearTimeout(this.#timer);
    if (ms !== undefined && !this.#hasEnded) this.#timer = setTimeout(() => this.#timeUp.abort(), ms);
  }

  end(): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
  }
}

/** The same stream, which tells when all of it has passed. JavaScript does not touch its bytes: a worker has little CPU time. */
function watched(body: ReadableStream, bytes: number, onEnd: () => void): ReadableStream {
  // Node, where unit tests run, has only the other.
  const passage = typeof FixedLengthStream === 'undefined' ? new TransformStream() : new FixedLengthStream(bytes);
  body.pipeTo(passage.writable).then(onEnd, () => undefined); // Where it breaks off, the call does.
  return passage.readable;
}

/** GetObject is the only call with a large answer. */
function isObject({ query }: SdkRequest): boolean {
  return query?.['x-id'] === 'GetObject';
}

function urlOf({ protocol, hostname, port, path, query = {} }: SdkRequest): string {
  const pairs = Object.entries(query).flatMap(([name, value]) => [value].flat().map((each) => [name, each ?? ''] as const));
  const search = pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');
  return `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}${search === '' ? '' : `?${search}`}`;
}
