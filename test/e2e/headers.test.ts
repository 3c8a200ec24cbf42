/** Compares every header of recorded requests with registry:2's. The differences must be those in docs/registry2-differences.md. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { openBucket, type S3Settings } from '../support/buckets.ts';
import { type DockerRegistryOptions, startDockerRegistry } from '../support/docker-registry.ts';
import { describeOnEachStore } from '../support/each-store.ts';
import { describeUnless } from '../support/needs.ts';
import { missingProgram } from '../support/needs-node.ts';
import { findProgram } from '../support/programs.ts';
import { startServer } from '../support/server.ts';
import { htpasswd } from '../support/users.ts';
import {
  type Difference,
  differencesBetween,
  isListed,
  type ListedDifference,
  parseDifferences,
} from './registry2/differences.ts';
import { type Answer, exchange } from './registry2/exchange.ts';
import { RECORDED_REQUESTS, type RecordedRequest, REQUESTS_WITH_USERS } from './registry2/requests.ts';

const PROGRAM = 'docker-registry';
const EVERYWHERE = 'Everywhere';
const TIMEOUT_MS = 120_000;

describeUnless(missingProgram(PROGRAM, PROGRAM), 'headers', () => {
  describeOnEachStore('beside registry:2', (registry, store) => {
    const theirs = answersOfRegistry2(RECORDED_REQUESTS, () => (store === 's3' ? withBucket : withNothing)({}));
    const ours = () => exchange(registry().url, RECORDED_REQUESTS);
    if (store === 'embedded') expectListed(theirs, ours, EVERYWHERE);
    else expectListed(theirs, ours, 'Where blobs are redirected', EVERYWHERE);
  });

  describe('beside registry:2 with users', () => {
    const users = htpasswd({ somebody: 'secret' });
    const theirs = answersOfRegistry2(REQUESTS_WITH_USERS, () => withNothing({ htpasswd: users, realm: 'Berth' }));
    const ours = async () => {
      const server = await startServer({ env: { REGISTRY_AUTH: 'htpasswd', REGISTRY_AUTH_HTPASSWD: users } });
      try {
        return await exchange(server.url, REQUESTS_WITH_USERS);
      } finally {
        await server.stop();
      }
    };
    expectListed(theirs, ours, 'With users', EVERYWHERE);
  });
});

type Answers = ReadonlyMap<string, Answer>;

/**
 * Tests that exactly the listed differences exist.
 * @param heading - the section of the page for these requests
 * @param others - sections whose differences may exist too
 */
function expectListed(theirs: () => Answers, answersHere: () => Promise<Answers>, heading: string, ...others: string[]): void {
  let differences: Difference[] = [];
  let [listed, listedElsewhere]: ListedDifference[][] = [[], []];

  beforeAll(async () => {
    const ours = await answersHere();
    differences = [...theirs()].flatMap(([name, answer]) => differencesBetween(name, answer, ours.get(name)!));
    const page = await readFile(join(import.meta.dirname, '../../docs/registry2-differences.md'), 'utf8');
    listed = parseDifferences(page, heading);
    listedElsewhere = others.flatMap((other) => parseDifferences(page, other));
  }, TIMEOUT_MS);

  test('every difference is listed with its reason', () => {
    const all = [...listed!, ...listedElsewhere!];
    expect(differences.filter((each) => !all.some((row) => isListed(each, row, theirs().get(each.request)!)))).toEqual([]);
  });

  test('every listed difference exists', () => {
    const rows = listed!.flatMap((row) => row.requests.map((request) => ({ ...row, requests: [request] })));
    const holds = (row: ListedDifference) => differences.some((each) => isListed(each, row, theirs().get(each.request)!));
    expect(rows.filter((row) => !holds(row))).toEqual([]);
  });
}

interface Settled extends DockerRegistryOptions {
  readonly forget: () => Promise<void>;
}

async function withNothing(options: DockerRegistryOptions): Promise<Settled> {
  return { ...options, forget: async () => undefined };
}

async function withBucket(options: DockerRegistryOptions): Promise<Settled> {
  const s3 = inject('s3') as S3Settings;
  const rootDirectory = `registry2-${randomBytes(6).toString('hex')}`;
  const { bucket, remove } = await openBucket(s3, `${rootDirectory}/`);
  return { ...options, s3: { ...s3, bucket, rootDirectory }, forget: remove };
}

function answersOfRegistry2(requests: readonly RecordedRequest[], settle: () => Promise<Settled>): () => Answers {
  let answers: Answers | undefined;
  beforeAll(async () => {
    const { forget, ...options } = await settle();
    const registry = await startDockerRegistry(findProgram(PROGRAM)!, options).catch(async (error: unknown) => {
      await forget();
      throw error;
    });
    try {
      answers = await exchange(registry.url, requests);
    } finally {
      await registry.stop();
      await forget();
    }
  }, TIMEOUT_MS);
  return () => answers!;
}
