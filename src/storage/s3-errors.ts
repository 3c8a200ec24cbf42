import { S3ServiceException } from '@aws-sdk/client-s3';
import { StoreError, type StoreErrorKind } from './object-store.ts';

/**
 * Makes a call to S3.
 * @returns undefined for an absent object
 * @throws {StoreError}
 */
export async function orAbsent<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (isNamed(error, ['NoSuchKey', 'NotFound'])) return undefined;
    throw translate(error);
  }
}

/**
 * Makes a call to S3.
 * @throws {StoreError}
 */
export async function translated<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw translate(error);
  }
}

export function isNamed(error: unknown, names: readonly string[]): boolean {
  return error instanceof Error && names.includes(error.name);
}

/**
 * Whether the condition of a PUT did not hold. S3 answers 412. AWS answers 409 if two conditional writes meet, and NoSuchKey to
 * `If-Match` on an absent object.
 */
export function isConditionFailure(error: unknown): boolean {
  const status = statusOf(error);
  return status === 412 || status === 409 || isNamed(error, ['NoSuchKey']);
}

function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}

export function translate(error: unknown): StoreError {
  const { name, message } = error as Error;
  return new StoreError(errorKind(error), `${name}: ${message}`, error);
}

function errorKind(error: unknown): StoreErrorKind {
  if (isNamed(error, ['XAmzContentSHA256Mismatch', 'BadDigest', 'InvalidDigest'])) return 'checksum';
  if (isNamed(error, ['NoSuchUpload', 'InvalidPart', 'InvalidPartOrder'])) return 'multipart-unknown';
  // AWS answers 400 to a body that came too slowly or was cut off.
  if (isNamed(error, ['RequestTimeout', 'IncompleteBody'])) return 'unavailable';
  if (isNamed(error, ['NoSuchBucket', 'PermanentRedirect', 'AuthorizationHeaderMalformed'])) return 'misconfigured';
  const status = statusOf(error);
  // R2 answers 429 to more than one write of a key a second. AWS answers SlowDown, or OperationAborted if two writes meet.
  if (status === 429 || isNamed(error, ['SlowDown', 'OperationAborted'])) return 'busy';
  if (status === undefined) return 'unavailable'; // No answer came: connection refused or reset, or timeout.
  if (status === 401 || status === 403) return 'misconfigured';
  return status === 408 || (status >= 500 && status !== 501) ? 'unavailable' : 'unexpected';
}
