import type { Digest } from '../../domain/digest.ts';
import { Failure } from '../../domain/failure.ts';
import { StoreError } from '../../storage/object-store.ts';

export function unknownUpload(cause?: unknown): Failure {
  const message = 'there is no such upload: it was finished, was cancelled or has expired; begin a new one';
  return new Failure('upload-unknown', message, { cause });
}

export function digestMismatch(expected: Digest, cause?: unknown): Failure {
  return new Failure('digest-mismatch', `the uploaded content does not have the digest ${expected}`, {
    detail: { digest: expected },
    cause,
  });
}

/**
 * Catches the failure of a clean-up that may be skipped: the upload purge, or the bucket's own rule, does it later.
 * @throws the error if it is not the storage's
 */
export function leaveToPurge(error: unknown): void {
  if (!(error instanceof StoreError)) throw error;
}
