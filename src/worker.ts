/** The Workers entry: answers requests, and does the hourly work. */
import { parseConfig } from './config/config.ts';
import { errorResponse } from './http/error-response.ts';
import { createLog } from './lib/log.ts';
import { compose, type Registry } from './wiring/compose.ts';
import { type Bindings, createPlatform } from './wiring/platform.ts';

/** One for the isolate's life: settings and bindings don't change within it. */
let registry: Registry | undefined;

/** @throws {ConfigError} */
function registryOf(env: Bindings): Registry {
  if (registry !== undefined) return registry;
  const config = parseConfig(env as Readonly<Record<string, unknown>>);
  registry = compose(config, createPlatform(config, env));
  return registry;
}

/** For errors of the settings, which include those of the log. */
const startLog = createLog({ level: 'error', formatter: 'json' }, () => new Date());

export default {
  async fetch(request, env, context) {
    try {
      return await registryOf(env).app.fetch(request, env, context);
    } catch (error) {
      return errorResponse(error, startLog);
    }
  },

  async scheduled(_event, env) {
    await registryOf(env).maintain();
  },
} satisfies ExportedHandler<Bindings>;
