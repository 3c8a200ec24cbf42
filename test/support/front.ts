import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
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
  /** In the order of arrival. */
  readonly requests: readonly FrontRequest[];
  /** Lets no more content through to its end. Resolves when the beginning of the first has passed. */
  readonly holdContent: () => Promise<void>;
  /** Lets content through again, but what was held up: its connections are cut where the client hasn't closed them. */
  readonly release: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export async function startFront(registryUrl: string): Promise<Front> {
  const requests: FrontRequest[] = [];
  const held: ServerResponse[] = [];
  let onHeld: (() => void) | undefined;
  const handle = (passage: Passage) => {
    const { method = '', url = '', headers } = passage.incoming;
    requests.push({ method, path: url.replace(/\?.*/, ''), headers });
    if (onHeld !== undefined && url.includes('/blobs/uploads/') && method !== 'POST') {
      held.push(passage.outgoing);
      passBeginning(passage, onHeld);
    } else pass(passage);
  };
  const proxy = await startCountingProxy(registryUrl, { handle, hostname: 'localhost' });
  return {
    host: new URL(proxy.endpoint).host,
    requests,
    holdContent: () => new Promise((resolve) => (onHeld = resolve)),
    release: () => {
      onHeld = undefined;
      // Docker 20 never gives up the upload of a configuration.
      for (const outgoing of held.splice(0)) outgoing.destroy();
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
