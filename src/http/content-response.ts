import type { Digest } from '../domain/digest.ts';

/**
 * Headers of an answer whose bytes are content: workerd compresses what it may, and would then drop or falsify
 * Content-Length, which clients check.
 */
export function contentHeaders(digest: Digest, mediaType: string, length: number) {
  return {
    'Content-Type': mediaType,
    'Content-Length': String(length),
    'Content-Encoding': 'identity',
    'Cache-Control': 'no-transform',
    'Docker-Content-Digest': digest,
    ETag: `"${digest}"`,
  };
}

/** RFC 9110, section 13.1.2. */
export function isUnmodified(request: Request, digest: Digest): boolean {
  const condition = request.headers.get('If-None-Match') ?? '';
  return condition === '*' || condition.split(',').some((tag) => tag.trim().replace(/^W\//, '') === `"${digest}"`);
}

/** Says of caching what the answer with the content would have said (RFC 9110, section 15.4.5). */
export function notModified(content: ContentHeaders): Response {
  const { 'Docker-Content-Digest': digest, ETag, 'Cache-Control': cacheControl } = content;
  return new Response(null, { status: 304, headers: { 'Docker-Content-Digest': digest, ETag, 'Cache-Control': cacheControl } });
}

type ContentHeaders = ReturnType<typeof contentHeaders>;

/** The `Range` header, unless `If-Range` is about other content (RFC 9110, section 13.1.5). */
export function rangeHeader({ headers }: Request, digest: Digest): string | undefined {
  const condition = headers.get('If-Range');
  return condition === null || condition === `"${digest}"` ? (headers.get('Range') ?? undefined) : undefined;
}
