import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { freePort } from './free-port.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Accepts connections and never answers. */
    silentEndpoint: string;
    /** Nothing listens here. */
    deadEndpoint: string;
  }
}

/** Starts endpoints of storages that are down. */
export async function startBadEndpoints(): Promise<{ silentEndpoint: string; deadEndpoint: string; stop: () => Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    silentEndpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    deadEndpoint: `http://127.0.0.1:${await freePort()}`,
    stop: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
