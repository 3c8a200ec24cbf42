/** Printed at the terminal once clients can reach the registry. */
import { relative } from 'node:path';
import type { Config } from '../../config/config.ts';
import type { LaunchOptions } from './launch-options.ts';

const ALL_ADDRESSES = ['0.0.0.0', '::'];

export function greeting(options: LaunchOptions, config: Config, projectFolder: string): string {
  const { host, port } = options;
  const name = reachableName(host);
  const image = `${name}:${port}/hello-world`;
  return [
    `Berth is at http://${name}:${port} (${storagePlace(options, config, projectFolder)})`,
    `Try:  docker pull hello-world && docker tag hello-world ${image} && docker push ${image}`,
    ...(config.auth.kind === 'none'
      ? [`Open: anyone who reaches ${name}:${port} can pull, push and delete (REGISTRY_AUTH)`]
      : []),
    '',
  ].join('\n');
}

/** The host name, as in a URL, by which programs on this machine reach the registry. */
export function reachableName(host: string): string {
  if (ALL_ADDRESSES.includes(host)) return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

/** Where the registry keeps its data, for a person. */
export function storagePlace({ dataFolder }: LaunchOptions, { storage }: Config, projectFolder: string): string {
  return storage.isEmbedded ? `data in ${shortest(dataFolder, projectFolder)}/` : bucketPlace(storage.s3!);
}

/** Only the host of the endpoint: its URL may contain a name and a password. */
function bucketPlace({ bucket, endpoint, region }: NonNullable<Config['storage']['s3']>): string {
  return `bucket ${bucket} ${endpoint === undefined ? `in ${region}` : `at ${new URL(endpoint).host}`}`;
}

function shortest(folder: string, from: string): string {
  const path = relative(from, folder);
  return path === '' || path.startsWith('..') ? folder : path;
}
