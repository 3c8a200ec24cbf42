/** A small object's form: one line of JSON, then bytes as they are. */
export function encodeFrame(header: object, bytes: Uint8Array): Uint8Array {
  const line = new TextEncoder().encode(`${JSON.stringify(header)}\n`);
  const content = new Uint8Array(line.length + bytes.length);
  content.set(line);
  content.set(bytes, line.length);
  return content;
}

const NEWLINE = 0x0a;

/** @throws {SyntaxError} where the first line is not JSON */
export function decodeFrame(content: Uint8Array): { readonly header: unknown; readonly bytes: Uint8Array } {
  const end = content.indexOf(NEWLINE);
  return { header: JSON.parse(new TextDecoder().decode(content.subarray(0, end))), bytes: content.subarray(end + 1) };
}
