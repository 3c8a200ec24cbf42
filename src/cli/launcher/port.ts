/** Checks the port before anything starts: the most common failure is then one line, without a wait. */
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { LaunchError } from '../launch-error.ts';

/** @throws {LaunchError} where the launcher can't listen on `host:port` */
export async function assertPortIsFree(host: string, port: number): Promise<void> {
  // `localhost` may have two addresses. Another program on one of them would get some of the clients.
  const failures = await Promise.all((await addressesOf(host)).map((address) => failureToListen(address, port)));
  if (failures.includes('EADDRINUSE')) throw new LaunchError(`port ${port} of ${host} is in use: choose another (PORT)`);
  // One of the two may not work, such as ::1 where IPv6 is off.
  if (!failures.includes(undefined)) throw new LaunchError(`cannot listen on port ${port} of ${host}: ${failures[0]}`);
}

/** @throws {LaunchError} where the host has no address */
export async function addressesOf(host: string): Promise<string[]> {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch (cause) {
    throw new LaunchError(`HOST=${host} is unknown: use a name or an address of this machine`, { cause });
  }
}

/** The system's error code; undefined where the port is free. */
async function failureToListen(address: string, port: number): Promise<string | undefined> {
  const server = createServer().listen({ port, host: address });
  try {
    await once(server, 'listening');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
  server.close();
  await once(server, 'close');
  return undefined;
}
