/** What a Worker's request may have open at once; further calls would only wait, with their time limits running. */
export const CONNECTIONS = 6;

/** Like `Promise.all` over a `map`, with at most `limit` calls under way. */
export async function mapConcurrently<T, R>(items: readonly T[], limit: number, call: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const work = async () => {
    while (next < items.length) {
      const index = next;
      next += 1;
      results[index] = await call(items[index]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work));
  return results;
}
