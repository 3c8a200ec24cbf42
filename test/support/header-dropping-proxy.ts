import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HeaderDroppingProxy {
  /** `localhost:<port>` */
  readonly host: string;
  readonly stop: () => Promise<void>;
}

/** A proxy in front of a registry that removes one header of every answer, and changes nothing else. */
export async function startHeaderDroppingProxy(upstream: string, header: string): Promise<HeaderDroppingProxy> {
  const { hostname, port } = new URL(upstream);
  const server = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    const passedOn = httpRequest({ hostname, port, agent: false, method, path, headers }, (answer) => {
      const { [header.toLowerCase()]: _dropped, ...others } = answer.headers;
      outgoing.writeHead(answer.statusCode ?? 502, others);
      answer.pipe(outgoing);
    });
    incoming.pipe(passedOn);
    passedOn.once('error', () => outgoing.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  return { host: `localhost:${(server.address() as AddressInfo).port}`, stop };
}
