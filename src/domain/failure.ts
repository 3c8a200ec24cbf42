/** The mistakes of clients, and what they may not find. http/error-response.ts gives each kind its code and status. */
export type FailureKind =
  | 'attempts-too-many'
  | 'blob-unknown'
  | 'chunk-out-of-order'
  | 'denied'
  | 'digest-invalid'
  | 'digest-mismatch'
  | 'manifest-blob-unknown'
  | 'manifest-invalid'
  | 'manifest-too-large'
  | 'manifest-too-slow'
  | 'manifest-unknown'
  | 'name-invalid'
  | 'name-unknown'
  | 'page-invalid'
  | 'range-not-satisfiable'
  | 'route-unknown'
  | 'method-unsupported'
  | 'size-mismatch'
  | 'tag-immutable'
  | 'tags-too-many'
  | 'token-request-invalid'
  | 'token-request-too-slow'
  | 'unauthorized'
  | 'upload-interrupted'
  | 'upload-invalid'
  | 'upload-too-large'
  | 'upload-too-slow'
  | 'upload-unknown';

export interface FailureOptions {
  /** The `detail` of the error in the answer. */
  readonly detail?: unknown;
  /** More headers of the answer, such as the `Location` of an upload. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** A client's mistake, or something that was not found. Always a 4xx, never logged as an error. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly kind: FailureKind;
  readonly detail: unknown;
  readonly headers: Readonly<Record<string, string>>;

  constructor(kind: FailureKind, message: string, options: FailureOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.detail = options.detail;
    this.headers = options.headers ?? {};
  }
}
