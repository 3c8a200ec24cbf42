import { join } from 'node:path';
import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

const root = join(import.meta.dirname, '..');

const timeouts = { testTimeout: 30_000, hookTimeout: 30_000 };

export default defineConfig({
  root,
  test: {
    globalSetup: 'test/support/global-setup.ts',
    // Two cores, and suites that start whole servers: one after the other is the faster way.
    fileParallelism: false,
    projects: [
      {
        root,
        test: { name: 'node', include: ['test/{unit,api,fuzz,explore,e2e}/**/*.test.ts'], ...timeouts },
      },
      {
        root,
        // Bindings, date and flags are wrangler.toml's, so that what is tested is what is deployed; its alias has to be said again.
        plugins: [cloudflareTest({ wrangler: { configPath: './wrangler.toml' } })],
        resolve: { alias: { '@aws-sdk/xml-builder': join(root, 'node_modules/@aws-sdk/xml-builder/dist-cjs/index.js') } },
        test: { name: 'workerd', include: ['test/contract/**/*.test.ts'], ...timeouts },
      },
    ],
  },
});
