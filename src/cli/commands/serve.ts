import { type Command, parseFlags, wrongUse } from '../command.ts';
import { launch } from '../launcher/launcher.ts';
import { readLocalSetup } from '../launcher/local-setup.ts';

const USAGE = `Usage: berth serve [config.yml]

Runs the registry on this machine until it is stopped, like npm start. The shell variables PORT, HOST and BERTH_DATA say where.
Settings come from the shell, or from a config.yml of registry:2.

Exit codes: 0 stopped, 1 ended unexpectedly, 2 a wrong flag or setting.`;

export const serve: Command = {
  summary: 'run the registry on this machine',
  usage: USAGE,
  run(args) {
    const { positionals } = parseFlags('serve', args, {});
    if (positionals.length > 1) throw wrongUse('serve', 'too many arguments');
    return launch(readLocalSetup(positionals[0]));
  },
};
