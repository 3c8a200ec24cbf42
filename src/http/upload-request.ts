import { parseContentRange } from '../domain/byte-range.ts';
import type { UploadBody } from '../domain/upload-session.ts';

/** Returns the body of an upload request, with the facts in its headers. */
export function uploadBody({ headers, body }: Request): UploadBody {
  const length = headers.has('Content-Length') ? Number(headers.get('Content-Length')) : undefined;
  const range = headers.get('Content-Range');
  return {
    stream: length === 0 ? null : body,
    length,
    range: range === null ? undefined : parseContentRange(range),
  };
}
