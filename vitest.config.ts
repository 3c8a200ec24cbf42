import { join } from 'node:path';
import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';
import { assertNoSecrets } from './test/support/no-secrets.ts';

const root = import.meta.dirname;

/** Projects run one after the other, each with so many files at once. */
const inTurn = (groupOrder: number, maxWorkers: number) => ({ sequence: { groupOrder }, maxWorkers });

const exclude = process.env['BERTH_TEST_SHORT'] === '1' ? ['test/explore/{every-order,last-moments,broken/*}.test.ts'] : [];

const timeouts = { testTimeout: 30_000, hookTimeout: 30_000 };

export default defineConfig({
  root,
  test: {
    globalSetup: 'test/support/global-setup.ts',
    // What a registry within a test prints; others are looked at when they stop (support/server.ts).
    onConsoleLog: (text) => assertNoSecrets(text),
    projects: [
      {
        root,
        // Modules are loaded once for all files, so tests leave nothing in them. Loading them for each took as long as testing.
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], isolate: false, ...inTurn(0, 2), ...timeouts },
      },
      {
        root,
        // No servers beside the tests, so two files at once.
        test: {
          name: 'node',
          include: ['test/{tools,api,fuzz,explore,cli}/**/*.test.ts'],
          exclude,
          ...inTurn(1, 2),
          ...timeouts,
        },
      },
      {
        root,
        // They start whole servers: on two cores one after the other is the faster way.
        test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], ...inTurn(2, 1), ...timeouts },
      },
      {
        root,
        // Bindings, date and flags are wrangler.toml's, so the tests run on the deployed configuration. Its alias must be repeated here.
        plugins: [cloudflareTest({ wrangler: { configPath: './wrangler.toml' } })],
        resolve: { alias: { '@aws-sdk/xml-builder': join(root, 'node_modules/@aws-sdk/xml-builder/dist-cjs/index.js') } },
        test: { name: 'workerd', include: ['test/contract/**/*.test.ts'], ...inTurn(3, 1), ...timeouts },
      },
    ],
  },
});
