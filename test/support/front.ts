import type { IncomingHttpHeaders } from 'node:http';
import { startCountingProxy } from './counting-proxy.ts';
import { callUpstream, pass, type Passage } from './passing.ts';

export interface FrontRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** A proxy before a registry, which tells what a client sends and can hold it up. */
export interface Front {
  /** What stands before the repository in an image's name. */
  readonly host: string;
  /** All that came since this was asked the last time, in the order of arrival. */
  readonly takeRequests: () => FrontRequest[];
  /** Lets no content through to its end. Resolves once the first is under way, and that is when its beginning has passed. */
  readonly holdContent: () => Promise<void>;
  /** Lets everything through again. Resolves when all that was held up has been given up by its client. */
  readonly release: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export async function startFront(registryUrl: string): Promise<Front> {
  const requests: FrontRequest[] = [];
  let onHeld: (() => void) | undefined;
  const handle = (passage: Passage) => {
    const { method = '', url = '', headers } = passage.incoming;
    requests.push({ method, path: url.replace(/\?.*/, ''), headers });
    if (onHeld !== undefined && url.includes('/blobs/uploads/') && method !== 'POST') passBeginning(passage, onHeld);
    else pass(passage);
  };
  const proxy = await startCountingProxy(registryUrl, { handle, hostname: 'localhost' });
  return {
    host: new URL(proxy.endpoint).host,
    takeRequests: () => requests.splice(0),
    holdContent: () => new Promise((resolve) => (onHeld = resolve)),
    release: () => {
      onHeld = undefined;
      return proxy.idle();
    },
    stop: proxy.stop,
  };
}

/** The rest is read and dropped: of a connection that isn't read from, nobody hears that the client has closed it. */
function passBeginning(passage: Passage, passed: () => void): void {
  const { incoming, watch } = passage;
  const sending = callUpstream(passage, () => undefined);
  incoming.once('data', (chunk: Buffer) => {
    watch.sent(chunk);
    sending.write(chunk.subarray(0, chunk.length / 2), passed);
  });
}
