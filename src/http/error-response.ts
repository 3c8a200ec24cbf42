import { ConfigError } from '../config/error.ts';
import { DependencyUnavailable } from '../domain/dependency-unavailable.ts';
import { Failure, type FailureKind } from '../domain/failure.ts';
import { RepeatRequest } from '../domain/repeat-request.ts';
import { StoreError, type StoreErrorKind } from '../storage/object-store.ts';
import type { Log } from '../lib/log.ts';

interface Wire {
  readonly code: string;
  readonly status: number;
}

/**
 * The code and status for each kind of failure. All codes are on the specification's list. Errors that are not the client's
 * fault have the code `UNKNOWN`, as with registry:2:
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
 */
const WIRE = {
  'attempts-too-many': { code: 'TOOMANYREQUESTS', status: 429 },
  'blob-unknown': { code: 'BLOB_UNKNOWN', status: 404 },
  'chunk-out-of-order': { code: 'BLOB_UPLOAD_INVALID', status: 416 },
  denied: { code: 'DENIED', status: 403 },
  'digest-invalid': { code: 'DIGEST_INVALID', status: 400 },
  'digest-mismatch': { code: 'DIGEST_INVALID', status: 400 },
  'manifest-blob-unknown': { code: 'MANIFEST_BLOB_UNKNOWN', status: 404 },
  'manifest-invalid': { code: 'MANIFEST_INVALID', status: 400 },
  'manifest-too-large': { code: 'MANIFEST_INVALID', status: 413 },
  'manifest-too-slow': { code: 'MANIFEST_INVALID', status: 408 },
  'manifest-unknown': { code: 'MANIFEST_UNKNOWN', status: 404 },
  'method-unsupported': { code: 'UNSUPPORTED', status: 405 },
  'name-invalid': { code: 'NAME_INVALID', status: 400 },
  'name-unknown': { code: 'NAME_UNKNOWN', status: 404 },
  'page-invalid': { code: 'UNSUPPORTED', status: 400 },
  'range-not-satisfiable': { code: 'UNSUPPORTED', status: 416 },
  'route-unknown': { code: 'UNSUPPORTED', status: 404 },
  'size-mismatch': { code: 'SIZE_INVALID', status: 400 },
  'tag-immutable': { code: 'DENIED', status: 409 },
  'tags-too-many': { code: 'UNSUPPORTED', status: 414 },
  'token-request-invalid': { code: 'UNSUPPORTED', status: 400 },
  'token-request-too-slow': { code: 'UNSUPPORTED', status: 408 },
  unauthorized: { code: 'UNAUTHORIZED', status: 401 },
  'upload-interrupted': { code: 'BLOB_UPLOAD_INVALID', status: 400 },
  'upload-invalid': { code: 'BLOB_UPLOAD_INVALID', status: 400 },
  'upload-too-large': { code: 'SIZE_INVALID', status: 413 },
  'upload-too-slow': { code: 'BLOB_UPLOAD_INVALID', status: 408 },
  'upload-unknown': { code: 'BLOB_UPLOAD_UNKNOWN', status: 404 },
} as const satisfies Record<FailureKind, Wire>;

const RETRY_AFTER = { 'Retry-After': '5' };
/** For requests that continue when they are repeated. */
const CONTINUE_AFTER = { 'Retry-After': '1' };

const STORE_MESSAGES = {
  unavailable: 'the storage is not available: try again later',
  misconfigured: 'the storage is not available: try again later',
  checksum: 'the storage is not available: try again later',
  'multipart-unknown': 'the storage is not available: try again later',
  busy: 'the storage is busy: repeat the request',
  contended: 'other requests keep changing the same data: repeat the request',
} as const satisfies Record<Exclude<StoreErrorKind, 'unexpected'>, string>;

/** The answer to a request that failed. Messages of the storage go only to the log. */
export function errorResponse(error: unknown, log: Log): Response {
  if (error instanceof Failure) {
    const { code, status } = WIRE[error.kind];
    return errorBody(status, code, error.message, error.detail, error.headers);
  }
  if (error instanceof ConfigError) {
    log('error', 'invalid settings: all requests are refused', { error: error.message });
    return errorBody(503, 'UNAVAILABLE', 'the registry is misconfigured; its log says how', undefined, {});
  }
  if (error instanceof DependencyUnavailable) {
    log('error', 'a dependency is unavailable', { error: error.message });
    return errorBody(503, 'UNKNOWN', 'the registry is not available: try again later', undefined, RETRY_AFTER);
  }
  if (error instanceof RepeatRequest) {
    log('info', 'the client must repeat a request to continue it', { reason: error.message });
    return errorBody(503, 'UNKNOWN', error.message, undefined, CONTINUE_AFTER);
  }
  log('error', error instanceof StoreError ? 'storage failed' : 'unexpected error', describe(error));
  if (error instanceof StoreError && error.kind !== 'unexpected')
    return errorBody(503, 'UNKNOWN', STORE_MESSAGES[error.kind], undefined, RETRY_AFTER);
  return errorBody(500, 'UNKNOWN', 'an unexpected error happened; the log of the registry has the details', undefined, {});
}

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes */
function errorBody(
  status: number,
  code: string,
  message: string,
  detail: unknown,
  headers: Readonly<Record<string, string>>,
): Response {
  return Response.json({ errors: [{ code, message, ...(detail !== undefined && { detail }) }] }, { status, headers });
}

function describe(error: unknown): { error: string; stack: string | undefined } {
  if (!(error instanceof Error)) return { error: String(error), stack: undefined };
  return { error: `${error.name}: ${error.message}`, stack: error.stack };
}
