/** About a layer of an everyday image. */
const MAX_BYTES = 32 * 1024 * 1024;
const MAX_MS = 5000;

/**
 * Reads what a client that is about to be refused still sends, and drops it, up to a bound: a connection that is closed
 * while it sends often takes the answer with it (RFC 9112, section 9.6). A plain reader: it brings no buffer, which a client
 * that sends nothing would hold.
 */
export async function dropUnread({ body }: Request): Promise<void> {
  if (body === null || body.locked) return;
  const reader = body.getReader();
  const timer = setTimeout(() => void reader.cancel().catch(() => undefined), MAX_MS);
  try {
    for (let dropped = 0; dropped < MAX_BYTES;) {
      const { done, value } = await reader.read();
      if (done) return;
      dropped += value.length;
    }
  } catch {
    // The client has gone, or the body broke off: no one waits for the answer.
  } finally {
    clearTimeout(timer);
  }
}
