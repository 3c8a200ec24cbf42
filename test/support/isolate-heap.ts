/** Memory of the worker's isolate, from the runtime's inspector. The memory of the process says little: it grows for an empty worker too. */
import { once } from 'node:events';

/** https://chromedevtools.github.io/devtools-protocol/v8/Runtime/#method-getHeapUsage; all in bytes. */
interface HeapUsage {
  readonly usedSize: number;
  readonly embedderHeapUsedSize: number;
  readonly backingStorageSize: number;
}

const MIB = 1024 * 1024;

export class IsolateHeap {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: { readonly result: HeapUsage }) => void>();
  #calls = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      const answer = JSON.parse(String(data)) as { id?: number; result: HeapUsage };
      this.#waiting.get(answer.id ?? -1)?.(answer);
    });
  }

  /** @param port - BERTH_INSPECTOR_PORT */
  static async of(port: number): Promise<IsolateHeap> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/core:user:berth`);
    await once(socket, 'open');
    return new IsolateHeap(socket);
  }

  /** Memory of objects, of the runtime for them, and of buffers. Includes garbage that is not collected yet. */
  async mib(): Promise<number> {
    const id = (this.#calls += 1);
    const { result } = await new Promise<{ readonly result: HeapUsage }>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#socket.send(JSON.stringify({ id, method: 'Runtime.getHeapUsage' }));
    });
    this.#waiting.delete(id);
    return (result.usedSize + result.embedderHeapUsedSize + result.backingStorageSize) / MIB;
  }

  close(): void {
    this.#socket.close();
  }
}
