import { readForwarded } from './forwarded-header.ts';

/** Gives the client's address, by which password guessing is slowed down. */
export type AddressOf = (request: Request) => string;

/**
 * Cloudflare's edge sets CF-Connecting-IP and drops a client's own. Under the emulator our listener does so, with the address
 * of the connection. If that is a proxy's, the proxy adds the client's address as the last of X-Forwarded-For or Forwarded.
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

/** An IPv6 host may use any of 2^64 addresses, which share their first half (RFC 4291, section 2.5.1): all count as one. */
function networkOf(text: string): string {
  // Some proxies add the port, and some write an IPv4 address as an IPv6 one.
  const address = /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? text;
  const v4 = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)(?::\d+)?$/i.exec(address)?.[1];
  if (v4 !== undefined || !address.includes(':')) return v4 ?? address;
  const [head = [], tail = []] = address.split('::').map((half) => half.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => '0');
  return `${[...head, ...zeros, ...tail].slice(0, 4).join(':')}::/64`;
}
