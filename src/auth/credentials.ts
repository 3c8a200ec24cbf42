import { Buffer } from 'node:buffer';

/** The content of an `Authorization` header: Basic (RFC 7617) or Bearer (RFC 6750). */
export type Credentials =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly user: string; readonly password: string }
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'unreadable' };

export function readCredentials(header: string | undefined): Credentials {
  if (header === undefined || header.trim() === '') return { kind: 'none' };
  const [, scheme = '', value = ''] = /^(\S+)\s+(.+)$/.exec(header.trim()) ?? [];
  if (scheme.toLowerCase() === 'bearer') return { kind: 'bearer', token: value };
  if (scheme.toLowerCase() !== 'basic') return { kind: 'unreadable' };
  const text = Buffer.from(value, 'base64').toString();
  const colon = text.indexOf(':');
  // Clients without a configured user send an empty name and an empty password.
  if (text === ':') return { kind: 'none' };
  return colon === -1 ? { kind: 'unreadable' } : { kind: 'basic', user: text.slice(0, colon), password: text.slice(colon + 1) };
}
