/** Repeats the same GET on keep-alive connections. */
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { mustBe } from './reading.ts';

/** Open connections of a busy client. */
export const CONNECTIONS = 8;

export interface Load {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The size of each answer's body. */
  readonly bodyBytes: number;
}

export function busyAgent(): Agent {
  return new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
}

/**
 * Each connection repeats the request while `goOn` returns true.
 * @returns the number of answers
 */
export async function repeat(load: Load, agent: Agent, goOn: (begun: number) => boolean): Promise<number> {
  let begun = 0;
  const repeatOne = async () => {
    while (goOn(begun)) {
      begun += 1;
      mustBe(await sizeOfAnswer(load, agent), load.bodyBytes, 'the size of an answer');
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, repeatOne));
  return begun;
}

async function sizeOfAnswer({ url, headers = {} }: Load, agent: Agent): Promise<number> {
  const [response] = (await once(get(url, { agent, headers }), 'response')) as [IncomingMessage];
  mustBe(response.statusCode, 200, 'the status of an answer');
  let size = 0;
  response.on('data', (bytes: Buffer) => (size += bytes.length));
  await once(response, 'end');
  return size;
}
