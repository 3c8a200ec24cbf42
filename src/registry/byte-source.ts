import { Failure } from '../domain/failure.ts';
import { StoreError } from '../storage/object-store.ts';

/** Bytes to come, and what it means when they don't. */
export interface ByteSource {
  readonly stream: ReadableStream<Uint8Array>;
  readonly broken: (cause: unknown) => Error;
}

export function fromClient(stream: ReadableStream<Uint8Array>): ByteSource {
  return { stream, broken: (cause) => new Failure('upload-interrupted', 'the body ended before it was whole', { cause }) };
}

export function fromStore(stream: ReadableStream<Uint8Array>): ByteSource {
  return { stream, broken: (cause) => new StoreError('unavailable', 'an object could not be read to its end', cause) };
}

/** Splits a source at its first look: what came with it, and the rest. Undefined where nothing comes at all. */
export async function peek(source: ByteSource): Promise<{ first: Uint8Array; rest: ByteSource } | undefined> {
  const reader = source.stream.getReader();
  try {
    const { done, value } = await reader.read();
    return done ? undefined : { first: value, rest: source };
  } catch (error) {
    throw source.broken(error);
  } finally {
    reader.releaseLock();
  }
}
