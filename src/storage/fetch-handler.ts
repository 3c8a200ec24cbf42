/**
 * How the AWS SDK reaches the network: by one plain `fetch` a request. Its own handler makes a `Request` object first,
 * for which workerd copies a part's bytes and keeps the copy until the next garbage collection: 500 MB of memory for a
 * blob of 1 GB, in an isolate that may have 128.
 */

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
  /** @param requestTimeout - in milliseconds, until the answer is there; an object's own bytes may take longer than its headers */
  async handle(request: SdkRequest, { requestTimeout }: { readonly requestTimeout?: number } = {}): Promise<SdkResponse> {
    const { method, headers } = request;
    const body = method === 'GET' || method === 'HEAD' ? null : (request.body ?? null);
    const timeUp = new AbortController();
    const timer = requestTimeout === undefined ? undefined : setTimeout(() => timeUp.abort(), requestTimeout);
    try {
      const init = { method, headers, body, signal: timeUp.signal, ...(body instanceof ReadableStream && { duplex: 'half' }) };
      const response = await fetch(urlOf(request), init);
      return {
        response: {
          statusCode: response.status,
          reason: response.statusText,
          headers: Object.fromEntries(response.headers),
          body: isObject(request) ? response.body! : new Response(await response.arrayBuffer()).body!,
        },
      };
    } catch (cause) {
      // By these the SDK knows what it may try again.
      if (timeUp.signal.aborted) throw Object.assign(new Error('no answer in time', { cause }), { name: 'TimeoutError' });
      throw Object.assign(new Error('the connection failed', { cause }), { code: 'ECONNRESET' });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** GetObject, the one call whose answer is streamed. */
function isObject({ query }: SdkRequest): boolean {
  return query?.['x-id'] === 'GetObject';
}

function urlOf({ protocol, hostname, port, path, query = {} }: SdkRequest): string {
  const pairs = Object.entries(query).flatMap(([name, value]) => [value].flat().map((each) => [name, each ?? ''] as const));
  const search = pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');
  return `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}${search === '' ? '' : `?${search}`}`;
}
