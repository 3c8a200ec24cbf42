/** A small object's form: one line of JSON, then bytes as they are. */
export function encodeEnvelope(header: object, bytes: Uint8Array): Uint8Array {
  const line = lineOf(header);
  return joined(line, bytes, new Uint8Array(line.length + bytes.length));
}

/** The same in the buffer that `bytes` begins, where that has room behind them; `bytes` are no longer to be used then. */
export function encodeEnvelopeInPlace(header: object, bytes: Uint8Array): Uint8Array {
  const line = lineOf(header);
  const length = line.length + bytes.length;
  const hasRoom = bytes.byteOffset === 0 && length <= bytes.buffer.byteLength;
  return joined(line, bytes, hasRoom ? new Uint8Array(bytes.buffer, 0, length) : new Uint8Array(length));
}

const NEWLINE = 0x0a;

/** @throws {SyntaxError} where there is no first line, or it is not JSON */
export function decodeEnvelope(content: Uint8Array): { readonly header: unknown; readonly bytes: Uint8Array } {
  const end = content.indexOf(NEWLINE);
  if (end === -1) throw new SyntaxError('the content has no first line');
  return { header: JSON.parse(new TextDecoder().decode(content.subarray(0, end))), bytes: content.subarray(end + 1) };
}

function lineOf(header: object): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(header)}\n`);
}

function joined(line: Uint8Array, bytes: Uint8Array, into: Uint8Array): Uint8Array {
  into.set(bytes, line.length); // First, and also where the two overlap: `set` then copies as if by a third place.
  into.set(line);
  return into;
}
