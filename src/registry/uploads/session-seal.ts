import { EncryptJWT, errors, jwtDecrypt } from 'jose';
import type { KeyRing } from '../../domain/key-ring.ts';
import type { RepositoryName } from '../../domain/reference.ts';
import type { UploadState } from '../../domain/upload-session.ts';
import { unknownUpload } from './upload-errors.ts';

export interface SessionSealOptions {
  readonly keys: KeyRing;
  readonly clock: () => Date;
  readonly lifetimeSeconds: number;
}

/**
 * Seals upload states for clients to carry: encrypted and authenticated (JWE, A256GCM), with an expiry time and the key's id,
 * so that keys can be rotated. https://www.rfc-editor.org/rfc/rfc7516
 */
export class SessionSeal {
  readonly #options: SessionSealOptions;

  constructor(options: SessionSealOptions) {
    this.#options = options;
  }

  /** A session with a stored object expires by the object's age. Any other session is renewed by each seal. */
  async seal(state: UploadState): Promise<string> {
    const { keys, clock, lifetimeSeconds } = this.#options;
    const { id, key } = await keys.first();
    const sinceMs = (state.stage === 'started' ? undefined : state.storedMs) ?? clock().getTime();
    const expiry = Math.floor(sinceMs / 1000) + lifetimeSeconds;
    return new EncryptJWT({ upload: state })
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: id })
      .setExpirationTime(expiry)
      .encrypt(key);
  }

  /** @throws {Failure} upload-unknown for a state that is forged, has expired, or belongs to another repository or session */
  async unseal(sealed: string, name: RepositoryName, session: string): Promise<UploadState> {
    const { keys, clock } = this.#options;
    try {
      const { payload } = await jwtDecrypt(
        sealed,
        async ({ kid }) => (await keys.find(kid)) ?? fail(new errors.JWEDecryptionFailed('sealed by another key')),
        { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'], currentDate: clock() },
      );
      const state = payload['upload'] as UploadState; // Authentic, so it has the form that `seal` gave it.
      if (state.repository === name && state.session === session) return this.#dated(state, payload.exp!);
    } catch (cause) {
      if (!(cause instanceof errors.JOSEError)) throw cause;
      throw unknownUpload(cause);
    }
    throw unknownUpload();
  }

  /** Adds the time at which the bytes were stored to a state that an earlier version sealed without it. */
  #dated(state: UploadState, expiry: number): UploadState {
    if (state.stage !== 'stored') return state;
    return { ...state, storedMs: state.storedMs ?? (expiry - this.#options.lifetimeSeconds) * 1000 };
  }
}

function fail(error: Error): never {
  throw error;
}
