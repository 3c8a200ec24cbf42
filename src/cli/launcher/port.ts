/** Asked ahead of starting anything, so that the commonest failure costs one line and no wait. */
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { LaunchError } from '../launch-error.ts';

/** @throws {LaunchError} where `host:port` can't be listened on */
export async function assertPortIsFree(host: string, port: number): Promise<void> {
  // `localhost` may be two addresses. A program on one of them would get some of the clients.
  const failures = await Promise.all((await addressesOf(host)).map((address) => failureToListen(address, port)));
  if (failures.includes('EADDRINUSE')) throw new LaunchError(`port ${port} of ${host} is taken (choose another by PORT)`);
  // One of the two may exist by name only, as ::1 where IPv6 is off.
  if (!failures.includes(undefined)) throw new LaunchError(`can't listen on port ${port} of ${host}: ${failures[0]}`);
}

/** @throws {LaunchError} where the host has no address */
export async function addressesOf(host: string): Promise<string[]> {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch (cause) {
    throw new LaunchError(`HOST ${host} is not an address`, { cause });
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
