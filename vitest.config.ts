import { join } from 'node:path';
import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';
import { assertNoSecrets } from './test/support/no-secrets.ts';

const root = import.meta.dirname;

/** Projects run one after the other, each with so many files at once. */
const inTurn = (groupOrder: number, maxWorkers: number) => ({ sequence: { groupOrder }, maxWorkers });

const isShort = process.env['BERTH_TEST_SHORT'] === '1';
const exclude = isShort ? ['test/explore/{every-order,last-moments,broken/*}.test.ts'] : [];
/** Many tests wait for a timer or a process, so three files keep two cores busy. The long explorations never wait. */
const nodeWorkers = isShort ? 3 : 2;

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
        // No servers beside the tests. Modules are loaded once for all files, so tests leave nothing in them.
        test: {
          name: 'node',
          include: ['test/{unit,tools,api,fuzz,explore,cli}/**/*.test.ts'],
          exclude,
          isolate: false,
          ...inTurn(0, nodeWorkers),
          ...timeouts,
        },
      },
      {
        root,
        // They start whole servers: on two cores one after the other is the faster way.
        test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], ...inTurn(1, 1), ...timeouts },
      },
      {
        root,
        // Bindings, date and flags are wrangler.toml's, so the tests run on the deployed configuration. Its alias must be repeated here.
        plugins: [cloudflareTest({ wrangler: { configPath: './wrangler.toml' } })],
        resolve: { alias: { '@aws-sdk/xml-builder': join(root, 'node_modules/@aws-sdk/xml-builder/dist-cjs/index.js') } },
        test: { name: 'workerd', include: ['test/contract/**/*.test.ts'], ...inTurn(2, 1), ...timeouts },
      },
    ],
  },
});
