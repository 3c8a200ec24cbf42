/** What a client can do wrong, or ask for and not find. http/error-response.ts gives each kind its code and status. */
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
  | 'password-wrong'
  | 'range-not-satisfiable'
  | 'route-unknown'
  | 'method-unsupported'
  | 'size-mismatch'
  | 'tag-immutable'
  | 'tags-too-many'
  | 'token-invalid'
  | 'token-request-invalid'
  | 'token-request-too-slow'
  | 'unauthorized'
  | 'upload-interrupted'
  | 'upload-invalid'
  | 'upload-too-large'
  | 'upload-too-slow'
  | 'upload-unknown';

export interface FailureOptions {
  /** Goes to the client as the error's `detail`. */
  readonly detail?: unknown;
  /** Headers the answer must carry, such as where an upload goes on. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** The client's mistake, or something that is not there: always a 4xx, never logged as an error. */
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
