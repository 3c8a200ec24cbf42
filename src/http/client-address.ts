import { readForwarded } from './forwarded.ts';

/** The client's address, for slowing down password guessing. */
export type AddressOf = (request: Request) => string;

/**
 * Cloudflare's edge sets CF-Connecting-IP itself and drops a client's. Under its emulator our own listener does, to the
 * address of the connection. Where that is a proxy's, the proxy adds the client's as the last of X-Forwarded-For, or of Forwarded.
 */
export function createAddressOf(isEmulated: boolean): AddressOf {
  return ({ headers }) => {
    const forwarded = isEmulated ? forwardedFor(headers) : undefined;
    return networkOf(forwarded || (headers.get('CF-Connecting-IP') ?? 'unknown'));
  };
}

function forwardedFor(headers: Headers): string | undefined {
  const list = headers.get('X-Forwarded-For');
  return list === null ? readForwarded(headers.get('Forwarded'), 'last').get('for') : list.split(',').at(-1)?.trim();
}

/** An IPv6 host picks among 2^64 addresses as it likes: what it can't change is the first half (RFC 4291, section 2.5.1). */
function networkOf(text: string): string {
  // Some proxies add the port, and an IPv4 address may come as an IPv6 one.
  const address = /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? text;
  const v4 = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)(?::\d+)?$/i.exec(address)?.[1];
  if (v4 !== undefined || !address.includes(':')) return v4 ?? address;
  const [head = [], tail = []] = address.split('::').map((half) => half.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => '0');
  return `${[...head, ...zeros, ...tail].slice(0, 4).join(':')}::/64`;
}
