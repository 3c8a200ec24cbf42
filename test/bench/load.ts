/** The same GET again and again, on connections that are kept alive. */
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { mustBe } from './reading.ts';

/** What a busy client keeps open. */
export const CONNECTIONS = 8;

export interface Load {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Of each answer. */
  readonly bodyBytes: number;
}

export function busyAgent(): Agent {
  return new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
}

/** Each connection asks as long as `goOn` says so; how many answers there were. */
export async function askAgain(load: Load, agent: Agent, goOn: (begun: number) => boolean): Promise<number> {
  let begun = 0;
  const askOn = async () => {
    while (goOn(begun)) {
      begun += 1;
      mustBe(await sizeOfAnswer(load, agent), load.bodyBytes, 'the size of an answer');
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, askOn));
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
