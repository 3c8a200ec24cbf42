/** What the worker's isolate holds, as the runtime's inspector tells. The process beside it grows as it likes, under an empty worker too. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { processTree } from './process-tree.ts';

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

  /** @param pid - `npm start`'s */
  static async of(pid: number): Promise<IsolateHeap> {
    for (const port of processTree(pid).flatMap(listeningPorts)) {
      const socket = await opened(`ws://127.0.0.1:${port}/ws`);
      if (socket !== undefined) return new IsolateHeap(socket);
    }
    throw new Error('no inspector is there');
  }

  /** Objects, what the runtime keeps for them, and buffers, together; with what is not collected yet. */
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

/** Wrangler's own inspector takes whoever says that it comes from this machine. Node's sockets take headers, though their type says no. */
function opened(url: string): Promise<WebSocket | undefined> {
  const socket = new WebSocket(url, { headers: { Origin: 'http://localhost' } } as never);
  return new Promise((resolve) => {
    socket.addEventListener('open', () => resolve(socket));
    socket.addEventListener('error', () => resolve(undefined));
  });
}

/** Of IPv4, as Linux tells: the process's sockets by their inodes, of all that listen (state 0A). */
function listeningPorts(pid: number): number[] {
  const sockets = new Set(readdirSync(`/proc/${pid}/fd`).map((fd) => targetOf(`/proc/${pid}/fd/${fd}`)));
  const lines = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1);
  const fields = lines.map((line) => line.trim().split(/\s+/));
  const listening = fields.filter(([, , , state, , , , , , inode]) => state === '0A' && sockets.has(`socket:[${inode}]`));
  return listening.map(([, address]) => Number.parseInt(address!.split(':')[1]!, 16));
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return ''; // It has been closed by now.
  }
}
