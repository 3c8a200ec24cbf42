/** `berth verify`: checks that everything that was pushed is still there, byte for byte. */
import { parseRepositoryName } from '../../domain/reference.ts';
import { Failure } from '../../domain/failure.ts';
import type { Problem, VerificationReport } from '../../registry/verification/report.ts';
import { type Command, mention, parseFlags, printJson, printLines, wrongUse } from '../command.ts';
import { readLocalSetup } from '../launcher/local-setup.ts';
import { withRegistry } from '../open-registry.ts';
import { commandProgress } from './progress.ts';
import { counted, humanBytes } from './units.ts';

const NAME = 'verify';

const USAGE = `Usage: berth verify [--repair] [-q] [--json] [repository...]

Reads every manifest, tag and blob of the named repositories, or of all, and compares digests and sizes. Clients may push, pull
and delete meanwhile. Each object is read once, even if several repositories link it.

      --repair   restore from copies: a blob by another repository's link, a manifest from its tag, a tag from its manifest.
                 Where no copy of a blob is left, its link is deleted, so that the next push uploads the blob again (clients
                 don't upload a blob that the registry reports as present). Nothing else is ever deleted
  -q, --quiet    print only problems
      --json     print the report as JSON

Exit codes: 0 all is well, 1 something is missing or corrupt, 2 a wrong flag or setting, 130 interrupted.`;

const FLAGS = {
  repair: { type: 'boolean', default: false },
  quiet: { type: 'boolean', short: 'q', default: false },
  json: { type: 'boolean', default: false },
} as const;

export const verify: Command = {
  summary: 'read everything and compare digests',
  usage: USAGE,
  async run(args) {
    const { values, positionals } = parseFlags(NAME, args, FLAGS);
    const repositories = positionals.length === 0 ? undefined : new Set(positionals.map(parseName));
    const progress = commandProgress(values.quiet || values.json);
    const report = await withRegistry(
      readLocalSetup(),
      ({ registry }) =>
        registry.verify({
          repair: values.repair,
          repositories,
          onProgress: ({ bytes, totalBytes }) => progress.update({ what: 'bytes read', done: bytes, total: totalBytes }),
        }),
      progress,
    );
    if (values.json) printJson(report);
    else {
      for (const [what, problems] of Object.entries({
        missing: report.missing,
        corrupt: report.corrupt,
        repaired: report.repaired,
      }))
        for (const problem of problems) mention(`${what}: ${describe(problem)}`);
      if (!values.quiet) printLines(summary(report));
    }
    return report.missing.length + report.corrupt.length === 0 ? 0 : 1;
  },
};

function parseName(text: string) {
  try {
    return parseRepositoryName(text);
  } catch (error) {
    if (error instanceof Failure) throw wrongUse(NAME, `${text} is not the name of a repository`);
    throw error;
  }
}

function describe({ repository, kind, name, problem }: Problem): string {
  return `${repository}: ${kind} ${name}: ${problem}`;
}

function summary({
  repositories,
  manifests,
  tags,
  objects,
  bytes,
  unreferenced,
  missing,
  corrupt,
  repaired,
}: VerificationReport) {
  return [
    `Read: ${counted(repositories, 'repository', 'repositories')}, ${counted(manifests, 'manifest')}, ${counted(tags, 'tag')}, ` +
      `${counted(objects, 'object')} (${humanBytes(bytes)})`,
    `Missing: ${missing.length}, corrupt: ${corrupt.length}, repaired: ${repaired.length}`,
    `Unreferenced: ${counted(unreferenced.objects, 'object')} (${humanBytes(unreferenced.bytes)})`,
  ];
}
