import { describe, inject, type TaskMeta } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** Why a suite was skipped and how to run it. test/run.ts prints it at the end. */
    missing?: string;
    /** A run that requires everything may skip it, too. */
    isOptional?: boolean;
  }
}

/** A requirement of a suite that this machine lacks, and what to do about it; undefined where nothing is missing. */
export type Missing = string | undefined;

/** A suite; where something is missing, it is skipped with a message. */
export function describeUnless(missing: Missing, name: string, tests: () => void, options: SuiteOptions = {}): void {
  if (missing === undefined) describe(name, options, tests);
  else describe.skip(name, { ...options, meta: { ...options.meta, missing } }, tests);
}

interface SuiteOptions {
  readonly meta?: TaskMeta;
  /** Milliseconds for each test. */
  readonly timeout?: number;
}

/** For suites on S3, in Node and in workerd. */
export function missingS3(): Missing {
  if (inject('s3') !== undefined) return undefined;
  return MINIO_NOT_FOUND;
}

export function missingVersitygw(): Missing {
  if (inject('versitygw') !== undefined) return undefined;
  return 'versitygw was not found: `go install github.com/versity/versitygw/cmd/versitygw@latest`, or set VERSITYGW_BIN';
}

export const MINIO_NOT_FOUND = 'MinIO was not found: `go install github.com/minio/minio@latest`, or set MINIO_BIN';
