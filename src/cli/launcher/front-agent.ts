import { Agent } from 'node:http';
import { Socket } from 'node:net';

/** The worker's runtime closes an idle connection after 5 s: a request that is sent just then would be lost. */
const IDLE_MS = 3000;

/** Connections to the worker's Unix socket. */
export class FrontAgent extends Agent {
  constructor() {
    super({ keepAlive: true, timeout: IDLE_MS });
  }

  override createConnection({ socketPath }: { socketPath?: string | null | undefined }): Socket {
    return new PatientSocket().connect(socketPath!);
  }
}

/**
 * Goes on reading where the worker reads no more. A worker may answer in the middle of a body and close the connection. Node
 * would give the socket up at the next write that fails, and with it the answer that waits to be read.
 */
class PatientSocket extends Socket {
  override _write(chunk: unknown, encoding: BufferEncoding, callback: WriteCallback): void {
    super._write(chunk, encoding, unlessClosed(callback)); // oxlint-disable-line no-underscore-dangle -- Node's own name
  }

  override _writev(chunks: Chunks, callback: WriteCallback): void {
    super._writev!(chunks, unlessClosed(callback)); // oxlint-disable-line no-underscore-dangle -- Node's own name
  }
}

type WriteCallback = (error?: Error | null) => void;
type Chunks = { chunk: unknown; encoding: BufferEncoding }[];

function unlessClosed(callback: WriteCallback): WriteCallback {
  return (error) => {
    const code = (error as NodeJS.ErrnoException | undefined)?.code;
    callback(code === 'EPIPE' || code === 'ECONNRESET' ? null : error);
  };
}
