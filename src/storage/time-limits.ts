/** The slowest client that a whole body may come from. */
const SLOWEST_CLIENT_BYTES_PER_SECOND = 16 * 1024;
/** The slowest storage, while several uploads share the connection to it. */
const SLOWEST_STORAGE_BYTES_PER_SECOND = 160 * 1024;

/**
 * How long calls to the storage may take, in milliseconds. All limits follow from the one that an operator can set. A call that
 * takes longer is aborted. If it can be repeated, it is tried three times in all.
 */
export class TimeLimits {
  /** For small reads: without an answer by then, the call is most likely lost. */
  readonly readMs: number;
  /** For calls that are much work: completing a multipart upload, deleting a thousand objects. */
  readonly workMs: number;

  constructor(timeoutMs: number) {
    this.readMs = timeoutMs;
    this.workMs = 20 * timeoutMs;
  }

  /** For writing bytes that are in memory. The storage answers only when they are safe on several disks. */
  writeMs(bytes: number): number {
    return 3 * this.readMs + (bytes / SLOWEST_STORAGE_BYTES_PER_SECOND) * 1000;
  }

  /** For bytes that a client sends or receives during the call. It can't be repeated, and the client may be slow. */
  transferMs(bytes: number): number {
    return this.workMs + (bytes / SLOWEST_CLIENT_BYTES_PER_SECOND) * 1000;
  }
}
