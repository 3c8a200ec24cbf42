import type { Digest } from '../domain/digest.ts';

/**
 * Headers of an answer with content. They forbid compression: workerd would compress the body and then drop Content-Length,
 * which clients check.
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

/** Whether `If-None-Match` names this content (RFC 9110, section 13.1.2). */
export function isUnmodified(request: Request, digest: Digest): boolean {
  const condition = request.headers.get('If-None-Match') ?? '';
  return condition === '*' || condition.split(',').some((tag) => tag.trim().replace(/^W\//, '') === `"${digest}"`);
}

/** 304, with the caching headers of the answer with content (RFC 9110, section 15.4.5). */
export function notModified(content: ContentHeaders): Response {
  const { 'Docker-Content-Digest': digest, ETag, 'Cache-Control': cacheControl } = content;
  return new Response(null, { status: 304, headers: { 'Docker-Content-Digest': digest, ETag, 'Cache-Control': cacheControl } });
}

type ContentHeaders = ReturnType<typeof contentHeaders>;

/** The `Range` header; undefined where `If-Range` names other content (RFC 9110, section 13.1.5). */
export function rangeHeader({ headers }: Request, digest: Digest): string | undefined {
  const condition = headers.get('If-Range');
  return condition === null || condition === `"${digest}"` ? (headers.get('Range') ?? undefined) : undefined;
}
