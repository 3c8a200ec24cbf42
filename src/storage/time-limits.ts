/** How slow a client's own line may be, over a whole body. */
const SLOWEST_CLIENT_BYTES_PER_SECOND = 16 * 1024;
/** How slow the storage may be while several uploads share the line to it. */
const SLOWEST_STORAGE_BYTES_PER_SECOND = 160 * 1024;

/**
 * How long calls to the storage may take, in milliseconds, all from the one figure that an operator can set. What takes
 * longer is broken off, and tried again where it can be: three times in all.
 */
export class TimeLimits {
  /** For small reads: after so long without an answer the call is most likely lost. */
  readonly readMs: number;
  /** For what the storage has to work on: parts to put together, a thousand objects to delete. */
  readonly workMs: number;

  constructor(timeoutMs: number) {
    this.readMs = timeoutMs;
    this.workMs = 20 * timeoutMs;
  }

  /** For bytes that are here already. A write is answered only when it is safe on several disks. */
  writeMs(bytes: number): number {
    return 3 * this.readMs + (bytes / SLOWEST_STORAGE_BYTES_PER_SECOND) * 1000;
  }

  /** For bytes that a client sends or takes while the call goes on: no retry is possible, and the client may be slow. */
  transferMs(bytes: number): number {
    return this.workMs + (bytes / SLOWEST_CLIENT_BYTES_PER_SECOND) * 1000;
  }
}
