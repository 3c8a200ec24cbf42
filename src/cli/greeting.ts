/** What a person at the terminal needs to know, once it is true. */
import { relative } from 'node:path';
import type { Config } from '../config.ts';
import type { LaunchOptions } from './launch-options.ts';

const ALL_ADDRESSES = ['0.0.0.0', '::'];

export function greeting({ host, port, dataFolder }: LaunchOptions, { storage, auth }: Config, projectFolder: string): string {
  const name = ALL_ADDRESSES.includes(host) ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  const image = `${name}:${port}/hello-world`;
  const place = storage.kind === 's3' ? bucketPlace(storage.s3!) : `data in ${shortest(dataFolder, projectFolder)}/`;
  return [
    `Berth is at http://${name}:${port} (${place})`,
    `Try:  docker pull hello-world && docker tag hello-world ${image} && docker push ${image}`,
    ...(auth.kind === 'none' ? [`Open: whoever reaches ${name}:${port} may pull, push and delete (REGISTRY_AUTH)`] : []),
    '',
  ].join('\n');
}

/** The host alone: an endpoint may hold a name and a password. */
function bucketPlace({ bucket, endpoint, region }: NonNullable<Config['storage']['s3']>): string {
  return `bucket ${bucket} ${endpoint === undefined ? `in ${region}` : `at ${new URL(endpoint).host}`}`;
}

function shortest(folder: string, from: string): string {
  const path = relative(from, folder);
  return path === '' || path.startsWith('..') ? folder : path;
}
