/**
 * Whose request it is, for slowing down those who guess passwords. Cloudflare's edge says it. Its emulator says the loopback
 * address: there a proxy in front knows better, which adds the last address of its list.
 */
export function clientAddress({ headers }: Request): string {
  const connecting = headers.get('CF-Connecting-IP') ?? '127.0.0.1';
  if (!/^(127\.|::1$|::ffff:127\.)/.test(connecting)) return connecting;
  return headers.get('X-Forwarded-For')?.split(',').at(-1)?.trim() || connecting;
}
