import { Agent } from 'node:http';
import { Socket } from 'node:net';

/** The worker's runtime closes an idle connection after 5 s. A request that is sent at that moment would be lost. */
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
 * Keeps reading after the worker has stopped. A worker may answer in the middle of a body and close the connection. Node would
 * destroy the socket at the next failed write, and lose the answer that waits to be read.
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
