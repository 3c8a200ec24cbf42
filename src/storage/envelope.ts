/** Encodes a small object: a header as one line of JSON, then the bytes. */
export function encodeEnvelope(header: object, bytes: Uint8Array): Uint8Array {
  const line = lineOf(header);
  return joined(line, bytes, new Uint8Array(line.length + bytes.length));
}

/** Encodes like `encodeEnvelope`, in the buffer of `bytes` if it has room behind them. `bytes` must not be used afterwards. */
export function encodeEnvelopeInPlace(header: object, bytes: Uint8Array): Uint8Array {
  const line = lineOf(header);
  const length = line.length + bytes.length;
  const hasRoom = bytes.byteOffset === 0 && length <= bytes.buffer.byteLength;
  return joined(line, bytes, hasRoom ? new Uint8Array(bytes.buffer, 0, length) : new Uint8Array(length));
}

const NEWLINE = 0x0a;

/** @throws {SyntaxError} if there is no first line, or it is not JSON */
export function decodeEnvelope(content: Uint8Array): { readonly header: unknown; readonly bytes: Uint8Array } {
  const end = content.indexOf(NEWLINE);
  if (end === -1) throw new SyntaxError('the content has no first line');
  return { header: JSON.parse(new TextDecoder().decode(content.subarray(0, end))), bytes: content.subarray(end + 1) };
}

function lineOf(header: object): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(header)}\n`);
}

function joined(line: Uint8Array, bytes: Uint8Array, into: Uint8Array): Uint8Array {
  into.set(bytes, line.length); // Before the line, since both may be in one buffer. `set` handles the overlap.
  into.set(line);
  return into;
}
