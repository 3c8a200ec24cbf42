import { parseContentRange } from '../domain/byte-range.ts';
import type { UploadBody } from '../domain/upload-session.ts';

/** Reads what a request says of its body. */
export function uploadBody({ headers, body }: Request): UploadBody {
  const length = headers.has('Content-Length') ? Number(headers.get('Content-Length')) : undefined;
  const range = headers.get('Content-Range');
  return {
    stream: length === 0 ? null : body,
    length,
    range: range === null ? undefined : parseContentRange(range),
  };
}
