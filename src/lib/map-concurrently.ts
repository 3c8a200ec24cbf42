/** Connections that a Worker's request may have open at once. Further calls would wait while their time limits run. */
export const CONNECTIONS = 6;

/** Like `Promise.all` over a `map`, with at most `limit` calls at once. After a failure no further call starts. */
export async function mapConcurrently<T, R>(items: readonly T[], limit: number, call: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  await callConcurrently(items, limit, async (item, index) => {
    results[index] = await call(item);
    return true;
  });
  return results;
}

/** Like `find`, with at most `limit` calls at once. After a match or a failure no further call starts. */
export async function findConcurrently<T>(
  items: readonly T[],
  limit: number,
  matches: (item: T) => Promise<boolean>,
): Promise<T | undefined> {
  let found = items.length;
  await callConcurrently(items, limit, async (item, index) => {
    if (await matches(item)) found = Math.min(found, index);
    return found === items.length;
  });
  return items[found];
}

/** @param call - resolves to whether further calls may start */
async function callConcurrently<T>(
  items: readonly T[],
  limit: number,
  call: (item: T, index: number) => Promise<boolean>,
): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < items.length) {
      const index = next;
      next += 1;
      const goesOn = await call(items[index]!, index).catch((error: unknown) => {
        next = items.length;
        throw error;
      });
      if (!goesOn) next = items.length;
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work));
}
