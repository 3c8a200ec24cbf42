/** About one layer of a common image. */
const MAX_BYTES = 32 * 1024 * 1024;
const MAX_MS = 5000;

/**
 * Reads and drops the rest of a refused client's body, up to a bound. If a connection is closed while the client sends, the
 * answer is often lost (RFC 9112, section 9.6). A default reader needs no buffer, so a silent client uses no memory.
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
    // The client is gone, so nobody waits for the answer.
  } finally {
    clearTimeout(timer);
  }
}
