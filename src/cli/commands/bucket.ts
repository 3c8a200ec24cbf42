/** `berth bucket init`: gives the bucket a lifecycle rule against abandoned uploads. */
import { setUploadRule } from '../../storage/bucket-rule.ts';
import { type Command, mention, parseFlags, printLines, wrongUse } from '../command.ts';
import { readLocalSetup } from '../launcher/local-setup.ts';
import { counted } from './units.ts';

const NAME = 'bucket';

const USAGE = `Usage: berth bucket init

Gives the bucket a lifecycle rule that aborts abandoned multipart uploads. Their age is the setting
REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE, rounded up to whole days. Other rules of the bucket stay as they are. For this
command, the keys need the permissions s3:GetLifecycleConfiguration and s3:PutLifecycleConfiguration.

Exit codes: 0 done, or the storage supports no such rule and a message says so; 1 the storage failed; 2 a wrong flag or setting.`;

const DAY_SECONDS = 24 * 3600;

export const bucket: Command = {
  summary: 'make the bucket abort abandoned uploads by itself',
  usage: USAGE,
  async run(args) {
    const { positionals } = parseFlags(NAME, args, {});
    if (positionals.length !== 1 || positionals[0] !== 'init') throw wrongUse(NAME, 'the argument must be init');
    const { storage, uploadPurging } = readLocalSetup().config;
    const { isEmbedded, s3, rootDirectory } = storage;
    if (isEmbedded || s3 === undefined)
      throw wrongUse(
        NAME,
        'REGISTRY_STORAGE_S3_BUCKET is not set (R2 needs no rule: it aborts abandoned uploads after 7 days by itself)',
      );
    const days = Math.ceil(uploadPurging.ageSeconds / DAY_SECONDS);
    const prefix = rootDirectory === '' ? '' : `${rootDirectory}/`;
    if (await setUploadRule(s3, { prefix, days }))
      printLines([`bucket ${s3.bucket}: abandoned multipart uploads are aborted after ${counted(days, 'day')}`]);
    else
      mention(
        `bucket ${s3.bucket}: this storage supports no such rule. MinIO aborts abandoned uploads by itself after 24 h; for others, see their documentation`,
      );
    return 0;
  },
};
