/** Random bytes, in Node and in workerd. workerd returns at most 64 KiB at a time. */
export function randomContent(length: number): Uint8Array<ArrayBuffer> {
  const content = new Uint8Array(length);
  for (let start = 0; start < length; start += 65_536) crypto.getRandomValues(content.subarray(start, start + 65_536));
  return content;
}
