import { describe, expect, test } from 'vitest';
import { KeyRing } from '../../src/domain/key-ring.ts';
import type { RepositoryName } from '../../src/domain/reference.ts';
import type { UploadState } from '../../src/domain/upload-session.ts';
import { SessionSeal } from '../../src/registry/uploads/session-seal.ts';

const NAME = 'a/b' as RepositoryName;
const STATE: UploadState = { stage: 'started', session: crypto.randomUUID(), repository: NAME, algorithm: 'sha256' };
const STORED = { ...STATE, stage: 'stored' as const, object: 'o', size: 1, digests: [] };
const [OLD, NEW] = ['the-old-secret-of-the-operator', 'the-new-secret-of-the-operator'];

describe('a sealed session', () => {
  let now = Date.now();
  const seal = (...secrets: string[]) =>
    new SessionSeal({
      keys: new KeyRing({ secrets: async () => secrets, purpose: 'test' }),
      clock: () => new Date(now),
      lifetimeSeconds: 3600,
    });
  const unseal = (by: SessionSeal, sealed: string) => by.unseal(sealed, NAME, STATE.session);
  const unknown = { name: 'Failure', kind: 'upload-unknown' };

  test('is unsealed to its state, and does not reveal it', async () => {
    const sealed = await seal(NEW).seal(STATE);
    expect(await unseal(seal(NEW), sealed)).toEqual(STATE);
    expect(Buffer.from(sealed.split('.')[3]!, 'base64url').toString('latin1')).not.toContain('started');
  });

  test('is unsealed after the secret was rotated, as long as the old one is kept', async () => {
    const sealed = await seal(OLD).seal(STATE);
    expect(await unseal(seal(NEW, OLD), sealed)).toEqual(STATE);
    await expect(unseal(seal(NEW), sealed)).rejects.toMatchObject(unknown);
  });

  test('is sealed by the first of several secrets', async () => {
    expect(await unseal(seal(NEW), await seal(NEW, OLD).seal(STATE))).toEqual(STATE);
  });

  test('is unknown once it has expired', async () => {
    const sealed = await seal(NEW).seal(STATE);
    now += 3_599_000;
    expect(await unseal(seal(NEW), sealed)).toEqual(STATE);
    now += 2000;
    await expect(unseal(seal(NEW), sealed)).rejects.toMatchObject(unknown);
  });

  test('with stored bytes expires by their age, however often it is sealed', async () => {
    const { storedMs: _, ...old } = { ...STORED, storedMs: undefined };
    for (const state of [{ ...STORED, storedMs: now }, old as never]) {
      const storedMs = now;
      let sealed = await seal(NEW).seal(state);
      for (let time = 0; time < 3; time += 1) {
        now += 1_100_000;
        const opened = await unseal(seal(NEW), sealed);
        // An earlier version sealed it without the time.
        expect(opened).toEqual({
          ...STORED,
          storedMs: Math.floor(storedMs / 1000) * 1000 + (state === old ? 0 : storedMs % 1000),
        });
        sealed = await seal(NEW).seal(opened);
      }
      now += 301_000;
      await expect(unseal(seal(NEW), sealed)).rejects.toMatchObject(unknown);
    }
  });

  test('of chunks is renewed each time it is sealed', async () => {
    const state: UploadState = { ...STATE, stage: 'chunked', record: 'r', size: 1 };
    const sealed = await seal(NEW).seal(state);
    now += 3_000_000;
    const again = await seal(NEW).seal(await unseal(seal(NEW), sealed));
    now += 3_000_000;
    expect(await unseal(seal(NEW), again)).toEqual(state);
  });

  test('is unknown in another repository, and under another session', async () => {
    const sealed = await seal(NEW).seal(STATE);
    await expect(seal(NEW).unseal(sealed, 'other' as RepositoryName, STATE.session)).rejects.toMatchObject(unknown);
    await expect(seal(NEW).unseal(sealed, NAME, crypto.randomUUID())).rejects.toMatchObject(unknown);
  });

  test('says why it can not be unsealed, and is not unknown where only the keys can not be read', async () => {
    await expect(unseal(seal(NEW), 'junk')).rejects.toMatchObject({ ...unknown, cause: { name: 'JWEInvalid' } });
    const keys = new KeyRing({ secrets: () => Promise.reject(new Error('the storage is down')), purpose: 'test' });
    const broken = new SessionSeal({ keys, clock: () => new Date(now), lifetimeSeconds: 3600 });
    await expect(unseal(broken, await seal(NEW).seal(STATE))).rejects.toThrow('the storage is down');
  });

  test.each(['', 'junk', 'a.b.c.d.e', '....', `${Buffer.from('{"alg":"none"}').toString('base64url')}....`])(
    '%j is unknown',
    async (sealed) => {
      await expect(unseal(seal(NEW), sealed)).rejects.toMatchObject(unknown);
    },
  );

  test('is far below the 4 KB that proxies pass, even with the longest values', async () => {
    const longest: UploadState = {
      ...STATE,
      stage: 'stored',
      repository: 'n'.repeat(255) as RepositoryName,
      algorithm: 'sha512',
      object: `objects/sha512/${'0'.repeat(128)}/${crypto.randomUUID()}`,
      size: Number.MAX_SAFE_INTEGER,
      storedMs: now,
      digests: [`sha256:${'0'.repeat(64)}`, `sha512:${'0'.repeat(128)}`] as never,
    };
    expect((await seal(NEW).seal(longest)).length).toBeLessThan(2000);
  });
});
