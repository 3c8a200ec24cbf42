import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { startCountingProxy } from './counting-proxy.ts';
import { callUpstream, pass, type Passage } from './passing.ts';

export interface FrontRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** A proxy in front of a registry, which records requests and can hold up their bodies. */
export interface Front {
  /** The part of an image's name before the repository. */
  readonly host: string;
  /** In the order of arrival. */
  readonly requests: readonly FrontRequest[];
  /** Holds up the bodies of uploads from now on. Resolves when the beginning of the first one has passed. */
  readonly holdContent: () => Promise<void>;
  /** Lets bodies pass again. Connections that were held up are cut, unless the client has closed them. */
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
      // Docker 20 never gives up the upload of a config.
      for (const outgoing of held.splice(0)) outgoing.destroy();
      return proxy.idle();
    },
    stop: proxy.stop,
  };
}

/** Passes half of the first chunk on, then reads and drops the rest: without reading, a closed connection goes unnoticed. */
function passBeginning(passage: Passage, passed: () => void): void {
  const { incoming, watch } = passage;
  const sending = callUpstream(passage, () => undefined);
  incoming.once('data', (chunk: Buffer) => {
    watch.sent(chunk);
    sending.write(chunk.subarray(0, chunk.length / 2), passed);
  });
}
