import { type Bindings, compose, openPlatform, type Registry } from './wiring/compose.ts';
import { parseConfig } from './config/config.ts';
import { ConfigError } from './config/error.ts';

/** One for the isolate's life: settings and bindings don't change within it. */
let registry: Registry | undefined;

function open(env: Bindings): Registry {
  if (registry !== undefined) return registry;
  const config = parseConfig(env as Readonly<Record<string, unknown>>);
  registry = compose(config, openPlatform(config, env));
  return registry;
}

export default {
  async fetch(request, env, context) {
    try {
      return await open(env).app.fetch(request, env, context);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      console.error(`Berth serves nothing: ${error.message}`);
      return Response.json(
        { errors: [{ code: 'UNAVAILABLE', message: 'the registry is misconfigured; its log says how' }] },
        { status: 503 },
      );
    }
  },

  async scheduled(_event, env) {
    await open(env).maintain();
  },
} satisfies ExportedHandler<Bindings>;
