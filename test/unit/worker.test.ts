import { expect, test, vi } from 'vitest';
import worker from '../../src/worker.ts';

// Neither answer uses it.
const context = {} as ExecutionContext;

test('answers 503 while a setting is wrong, and logs which one', async () => {
  const lines: string[] = [];
  const error = vi.spyOn(console, 'error').mockImplementation((line: string) => void lines.push(line));
  const env = { REGISTRY_STORAGE_S3_BUKCET: 'images' } as object;
  const response = await worker.fetch(new Request('http://registry.test/v2/'), env, context);
  error.mockRestore();
  expect(response.status).toBe(503);
  expect(await response.text()).toBe(
    '{"errors":[{"code":"UNAVAILABLE","message":"the registry is misconfigured; its log says how"}]}',
  );
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    expect.objectContaining({ level: 'error', error: expect.stringContaining('REGISTRY_STORAGE_S3_BUKCET') as unknown }),
  ]);
});

test('answers 503 where neither a bucket nor the R2 binding is given', async () => {
  const error = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  const response = await worker.fetch(new Request('http://registry.test/v2/'), {}, context);
  expect(response.status).toBe(503);
  expect(error.mock.calls.flat().join()).toContain('REGISTRY_STORAGE_S3_BUCKET');
  error.mockRestore();
});
