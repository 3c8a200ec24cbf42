/** `npm start`: runs the registry on this machine. */
import { ConfigError } from '../../config/error.ts';
import { LaunchError } from '../launch-error.ts';
import { launch } from '../launcher/launcher.ts';
import { readLocalSetup } from '../launcher/local-setup.ts';

try {
  await launch(readLocalSetup());
} catch (error) {
  if (!(error instanceof LaunchError || error instanceof ConfigError)) throw error;
  process.stderr.write(`berth: ${error.message}\n`);
  process.exit(1);
}
