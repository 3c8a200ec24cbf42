/** `berth du`: how much storage each repository uses. */
import { measureUsage, type RepositoryUsage } from '../../registry/usage.ts';
import { type Command, parseFlags, printJson, printLines } from '../command.ts';
import { readLocalSetup } from '../launcher/local-setup.ts';
import { withRegistry } from '../open-registry.ts';
import { commandProgress } from './progress.ts';
import { counted, grouped, humanBytes } from './units.ts';

const NAME = 'du';

const USAGE = `Usage: berth du [--json] [repository...]

Prints the size of each repository, the largest first. It reads listings only. A blob of several repositories counts in each
of them, and once in the total. The total includes unreferenced data.

      --json   print JSON, with sizes in bytes

Exit codes: 0 done, 1 the storage failed, 2 a wrong flag or setting, 130 interrupted.`;

const FLAGS = { json: { type: 'boolean', default: false } } as const;

export const du: Command = {
  summary: 'print how much storage each repository uses',
  usage: USAGE,
  async run(args) {
    const { values, positionals } = parseFlags(NAME, args, FLAGS);
    const usage = await withRegistry(readLocalSetup(), ({ store }) => measureUsage(store), commandProgress(true));
    const asked = usage.repositories.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
    const repositories = asked.toSorted((one, other) => other.bytes - one.bytes);
    if (values.json) printJson({ ...usage, repositories });
    else
      printLines([...repositories.map(line), `${humanBytes(usage.bytes).padStart(9)}  in ${counted(usage.objects, 'object')}`]);
    return 0;
  },
};

function line({ name, tags, manifests, blobs, bytes }: RepositoryUsage): string {
  return `${humanBytes(bytes).padStart(9)}  ${name}  (${counted(tags, 'tag')}, ${counted(manifests, 'manifest')}, ${grouped(blobs)} blobs)`;
}
