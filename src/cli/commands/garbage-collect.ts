/** `berth garbage-collect`: like the command of registry:2, with its flags, but also while clients push. */
import type { Config } from '../../config/config.ts';
import { duration } from '../../domain/duration.ts';
import type { CollectionReport } from '../../registry/gc/report.ts';
import type { PurgeReport } from '../../registry/uploads/upload-purge.ts';
import { type Command, mention, parseFlags, printJson, printLines, wrongUse } from '../command.ts';
import { readLocalSetup } from '../launcher/local-setup.ts';
import { withRegistry } from '../open-registry.ts';
import { commandProgress } from './progress.ts';
import { counted, humanBytes } from './units.ts';

const NAME = 'garbage-collect';
const MIN_SECONDS = 3600;

const USAGE = `Usage: berth garbage-collect [-dmq] [--grace-period 24h] [--force] [--json] [config.yml]

Deletes unreferenced data: first abandoned uploads, then links, manifests and objects. Clients may push and pull meanwhile.
Data is deleted only after two runs, at least a grace period apart, found it unreferenced. The first run only marks it.

  -d, --dry-run          change nothing, and print what a run would do now
  -m, --delete-untagged  also delete manifests that no tag, kept index or kept subject needs
  -q, --quiet            print only failures
      --grace-period     replaces the setting REGISTRY_STORAGE_MAINTENANCE_GRACEPERIOD
      --force            allow a grace period below 1h. Use it only while nobody pushes: a push that takes longer than the
                         grace period may lose its layers before its manifest arrives
      --json             print the report as JSON

Reads the settings of the registry: from wrangler.toml, from a config.yml of registry:2 if one is named, and from the shell.
It may be interrupted at any time: the next run continues its work.

Exit codes: 0 done, 1 something could not be read or deleted, 2 a wrong flag or setting, 130 interrupted.`;

const FLAGS = {
  'dry-run': { type: 'boolean', short: 'd', default: false },
  'delete-untagged': { type: 'boolean', short: 'm', default: false },
  quiet: { type: 'boolean', short: 'q', default: false },
  'grace-period': { type: 'string' },
  force: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

export const garbageCollect: Command = {
  summary: 'delete unreferenced data',
  usage: USAGE,
  async run(args) {
    const { values, positionals } = parseFlags(NAME, args, FLAGS);
    if (positionals.length > 1) throw wrongUse(NAME, 'too many arguments');
    const setup = readLocalSetup(positionals[0]);
    const config = withGrace(setup.config, graceSeconds(values['grace-period'], values.force));
    const isDryRun = values['dry-run'];
    const isQuiet = values.quiet || values.json;
    const progress = commandProgress(isQuiet);
    let done = 0;
    const onRepository = () => progress.update({ what: 'repositories', done: (done += 1) });
    const report = await withRegistry(
      { ...setup, config },
      async ({ registry, place }) => {
        if (!isQuiet) mention(`${isDryRun ? 'Examining' : 'Collecting in'} ${place}`);
        const uploads = await registry.purgeUploads({ isDryRun: isDryRun || config.uploadPurging.dryRun });
        const collection = await registry.collect({ deleteUntagged: values['delete-untagged'], isDryRun, onRepository });
        return { uploads, collection };
      },
      progress,
    );
    if (values.json) printJson({ isDryRun, ...report });
    else if (!values.quiet) printLines(summary(report, isDryRun));
    const failures = [...report.uploads.failures, ...report.collection.failures];
    for (const failure of failures) mention(`berth ${NAME}: ${failure}`);
    return failures.length === 0 ? 0 : 1;
  },
};

function graceSeconds(text: string | undefined, isForced: boolean): number | undefined {
  if (text === undefined) return undefined;
  const parsed = duration.safeParse(text);
  if (!parsed.success) throw wrongUse(NAME, `--grace-period ${parsed.error.issues[0]?.message}`);
  if (parsed.data < MIN_SECONDS && !isForced) throw wrongUse(NAME, 'a --grace-period below 1h needs --force');
  return parsed.data;
}

function withGrace(config: Config, gracePeriodSeconds = config.storage.gracePeriodSeconds): Config {
  return { ...config, storage: { ...config.storage, gracePeriodSeconds } };
}

interface Report {
  readonly uploads: PurgeReport;
  readonly collection: CollectionReport;
}

type Counts = { [K in keyof CollectionReport]: CollectionReport[K] extends number ? K : never }[keyof CollectionReport];
type Names = Partial<Record<Counts, readonly [thing: string, things: string]>>;

/** Words for the report's numbers, in the order in which they are printed. */
const DELETED: Names = {
  expiredTags: ['tag', 'tags'],
  deadManifests: ['manifest', 'manifests'],
  deadLinks: ['link', 'links'],
  deletedObjects: ['object', 'objects'],
  tidied: ['leftover', 'leftovers'],
};
const WAITING: Names = {
  condemnedManifests: ['manifest', 'manifests'],
  condemnedLinks: ['link', 'links'],
  unheldObjects: ['object', 'objects'],
};

function summary({ uploads, collection }: Report, isDryRun: boolean): string[] {
  const list = (names: Names) =>
    Object.entries(names).map(([field, [thing, things]]) => counted(collection[field as Counts], thing, things));
  const records = counted(uploads.purged, 'upload record');
  const { deletedBytes, unneededBytes, unheldBytes } = collection;
  return [
    `Seen: ${counted(collection.repositories, 'repository', 'repositories')}, ${counted(uploads.seen, 'upload record')}`,
    `${isDryRun ? 'Would delete' : 'Deleted'}: ${[...list(DELETED), records].join(', ')}; ${humanBytes(deletedBytes)} in total`,
    `${isDryRun ? 'Would wait' : 'Waiting'} for another run, a grace period later: ${list(WAITING).join(', ')}; ` +
      `${humanBytes(unneededBytes + unheldBytes)} at most`,
  ];
}
