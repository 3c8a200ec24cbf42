import { EncryptJWT, errors, jwtDecrypt } from 'jose';
import { Failure } from '../../domain/failure.ts';
import type { KeyRing } from '../../domain/key-ring.ts';
import type { RepositoryName } from '../../domain/reference.ts';
import type { UploadState } from '../../domain/upload-session.ts';

/**
 * Seals upload states into the text that clients carry: encrypted and authenticated (JWE, A256GCM), with an expiry and
 * the id of the key, so that keys can be rotated. https://www.rfc-editor.org/rfc/rfc7516
 */
export class SessionSeal {
  readonly #keys: KeyRing;
  readonly #clock: () => Date;
  readonly #lifetimeSeconds: number;

  constructor(keys: KeyRing, clock: () => Date, lifetimeSeconds: number) {
    this.#keys = keys;
    this.#clock = clock;
    this.#lifetimeSeconds = lifetimeSeconds;
  }

  /** A session that holds stored bytes ends by their age: being asked how it stands renews only others. */
  async seal(state: UploadState): Promise<string> {
    const { id, key } = await this.#keys.first();
    const sinceMs = (state.stage === 'started' ? undefined : state.storedMs) ?? this.#clock().getTime();
    const expiry = Math.floor(sinceMs / 1000) + this.#lifetimeSeconds;
    return new EncryptJWT({ upload: state })
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: id })
      .setExpirationTime(expiry)
      .encrypt(key);
  }

  /** @throws {Failure} upload-unknown for a text that is forged, has expired, or belongs to another repository or session */
  async open(sealed: string, name: RepositoryName, session: string): Promise<UploadState> {
    try {
      const { payload } = await jwtDecrypt(
        sealed,
        async ({ kid }) => (await this.#keys.find(kid)) ?? fail(new errors.JWEDecryptionFailed('sealed by another key')),
        { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'], currentDate: this.#clock() },
      );
      const state = payload['upload'] as UploadState; // Authentic, so of the form that `seal` gave it.
      if (state.repository === name && state.session === session) return this.#dated(state, payload.exp!);
    } catch (cause) {
      if (!(cause instanceof errors.JOSEError)) throw cause;
      throw unknown(cause);
    }
    throw unknown();
  }

  /** What an earlier version sealed does not say when its bytes were stored: it ends when its seal does. */
  #dated(state: UploadState, expiry: number): UploadState {
    if (state.stage !== 'stored') return state;
    return { ...state, storedMs: state.storedMs ?? (expiry - this.#lifetimeSeconds) * 1000 };
  }
}

function unknown(cause?: unknown): Failure {
  return new Failure('upload-unknown', 'no such upload session, or it has expired', { cause });
}

function fail(error: Error): never {
  throw error;
}
