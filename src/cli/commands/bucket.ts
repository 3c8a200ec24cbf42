/** `berth bucket init`: what a bucket should do by itself. */
import { setUploadRule } from '../../storage/bucket-rule.ts';
import { type Command, mention, parseFlags, printLines, wrongUse } from '../command.ts';
import { readLocalSetup } from '../launcher/local-setup.ts';
import { counted } from './units.ts';

const NAME = 'bucket';

const USAGE = `Usage: berth bucket init

Gives the bucket of the settings a lifecycle rule that aborts multipart uploads which nobody completed, as old as
REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE says, in whole days. Its other rules stay as they are. The keys need
s3:GetLifecycleConfiguration and s3:PutLifecycleConfiguration for this command alone.

Exit codes: 0 done, or the storage has no such rules and this was told; 1 the storage failed; 2 a wrong flag or setting.`;

const DAY_SECONDS = 24 * 3600;

export const bucket: Command = {
  summary: 'have the bucket abort abandoned uploads by itself',
  usage: USAGE,
  async run(args) {
    const { positionals } = parseFlags(NAME, args, {});
    if (positionals.length !== 1 || positionals[0] !== 'init') throw wrongUse(NAME, 'the only thing to do is init');
    const { storage, uploadPurging } = readLocalSetup().config;
    const { isEmbedded, s3, rootDirectory } = storage;
    if (isEmbedded || s3 === undefined)
      throw wrongUse(NAME, 'no bucket is named, and R2 aborts such uploads after 7 days by itself');
    const days = Math.ceil(uploadPurging.ageSeconds / DAY_SECONDS);
    const prefix = rootDirectory === '' ? '' : `${rootDirectory}/`;
    if (await setUploadRule(s3, { prefix, days }))
      printLines([`bucket ${s3.bucket}: multipart uploads that nobody completed end after ${counted(days, 'day')}`]);
    else
      mention(
        `bucket ${s3.bucket}: this storage keeps no such rule. MinIO aborts uploads by itself after 24 h; of others ask the maker`,
      );
    return 0;
  },
};
