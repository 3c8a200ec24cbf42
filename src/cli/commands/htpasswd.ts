/** `berth htpasswd`: creates and changes htpasswd files, with the flags and exit codes of Apache's htpasswd; bcrypt only. */
import { parseArgs } from 'node:util';
import { compare, hash } from 'bcryptjs';
import { BCRYPT, MAX_COST, MAX_PASSWORD_BYTES, MIN_COST } from '../../domain/htpasswd.ts';
import { askHidden } from './ask-hidden.ts';
import { type Command, CommandError, WRONG_USE } from '../command.ts';
import { HtpasswdFile, INVALID_FILE } from './htpasswd-file.ts';

const DEFAULT_COST = 10;
/** The limit of Apache's htpasswd. */
const MAX_USER_BYTES = 255;

/** Apache's exit codes. */
const [MISMATCH, TOO_LONG, BAD_USER] = [3, 5, 6];

const USAGE = `Usage:
  berth htpasswd [-ciBDv] [-C cost] passwordfile username
  berth htpasswd -b[cBDv] [-C cost] passwordfile username password
  berth htpasswd -n[biB] [-C cost] username [password]

  -c  create the file (the users of an existing file are deleted)
  -n  print the line instead of writing it to a file
  -b  take the password from the command line, where other users of the machine can see it
  -i  read the password from stdin
  -B  bcrypt: the default, and the only supported kind
  -C  bcrypt's cost, ${MIN_COST} to ${MAX_COST} (default ${DEFAULT_COST}): each step takes twice as long
  -D  delete the user
  -v  verify the user's password: exit code 0 if it is right, ${MISMATCH} if it is wrong

Without -b or -i, the command asks for the password.`;

export const htpasswd: Command = {
  summary: "create and change an htpasswd file, like Apache's htpasswd",
  usage: USAGE,
  async run(args) {
    const options = parse(args);
    if (options.action === 'print') process.stdout.write(`${await newLine(options)}\n`);
    else await ACTIONS[options.action](options);
    return 0;
  },
};

type Action = 'create' | 'change' | 'delete' | 'verify';

interface Options {
  readonly action: Action | 'print';
  /** Empty with `print`. */
  readonly path: string;
  readonly user: string;
  readonly password: { readonly given: string } | 'from stdin' | 'from the terminal';
  readonly cost: number;
}

const ACTIONS: Readonly<Record<Action, (options: Options) => Promise<void>>> = {
  create: async (options) => set(HtpasswdFile.empty(options.path), options),
  change: async (options) => set(await HtpasswdFile.read(options.path), options),
  delete: async ({ path, user }) => {
    const file = await HtpasswdFile.read(path);
    if (file.find(user) === undefined) return say(`User ${user} not found`);
    await file.delete(user);
    say(`Deleting password for user ${user}`);
  },
  verify: async (options) => {
    const { path, user } = options;
    const found = (await HtpasswdFile.read(path)).find(user);
    if (found === undefined) throw new CommandError(`user ${user} not found`, BAD_USER);
    if (!BCRYPT.test(found)) throw new CommandError(`the line of ${user} has no bcrypt hash`, INVALID_FILE);
    const password = await passwordOf(options, ['Enter password: ']);
    if (isTooLong(password) || !(await compare(password, found)))
      throw new CommandError('password verification failed', MISMATCH);
    say(`Password for user ${user} correct.`);
  },
};

async function set(file: HtpasswdFile, options: Options): Promise<void> {
  const { user } = options;
  await file.set(user, await newLine(options));
  say(`${file.find(user) === undefined ? 'Adding' : 'Updating'} password for user ${user}`);
}

async function newLine(options: Options): Promise<string> {
  const password = await passwordOf(options, ['New password: ', 'Re-type new password: ']);
  if (isTooLong(password))
    throw new CommandError(`the password has more than ${MAX_PASSWORD_BYTES} bytes: bcrypt ignores further bytes`, TOO_LONG);
  // bcryptjs writes `$2b$`, which means the same. Apache and its library know `$2y$`.
  return `${options.user}:${(await hash(password, options.cost)).replace(/^\$2b\$/, '$2y$')}`;
}

function isTooLong(password: string): boolean {
  return Buffer.byteLength(password) > MAX_PASSWORD_BYTES;
}

/** @param prompts - the second one, if any, asks for the same password again */
async function passwordOf({ password }: Options, prompts: readonly string[]): Promise<string> {
  if (typeof password === 'object') return password.given;
  if (password === 'from stdin') return passwordFromStdin();
  const [first = '', again = first] = await askHidden(prompts);
  if (first !== again) throw new CommandError('the two passwords differ', MISMATCH);
  return first;
}

/** All of stdin, without the line end. */
async function passwordFromStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks)
    .toString()
    .replace(/\r?\n$/, '');
}

const FLAGS = {
  create: { type: 'boolean', short: 'c' },
  print: { type: 'boolean', short: 'n' },
  given: { type: 'boolean', short: 'b' },
  stdin: { type: 'boolean', short: 'i' },
  bcrypt: { type: 'boolean', short: 'B' },
  cost: { type: 'string', short: 'C', default: String(DEFAULT_COST) },
  delete: { type: 'boolean', short: 'D' },
  verify: { type: 'boolean', short: 'v' },
  // Apache's other kinds of hashes.
  md5: { type: 'boolean', short: 'm' },
  crypt: { type: 'boolean', short: 'd' },
  sha1: { type: 'boolean', short: 's' },
  plain: { type: 'boolean', short: 'p' },
  sha256: { type: 'boolean', short: '2' },
  sha512: { type: 'boolean', short: '5' },
} as const;
const OTHER_KINDS = ['md5', 'crypt', 'sha1', 'plain', 'sha256', 'sha512'] as const;
const ACTION_FLAGS = ['create', 'print', 'delete', 'verify'] as const;

function parse(args: readonly string[]): Options {
  const { values, positionals } = parseFlags(args);
  const other = OTHER_KINDS.find((kind) => values[kind]);
  if (other !== undefined) throw wrong(`-${FLAGS[other].short} is not supported: Berth takes bcrypt only`);
  const actions = ACTION_FLAGS.filter((flag) => values[flag]);
  if (actions.length > 1) throw wrong('only one of -c, -n, -D and -v is allowed');
  if (values.given && values.stdin) throw wrong('only one of -b and -i is allowed');
  const action = actions[0] ?? 'change';

  const [path = '', user, password, ...more] = action === 'print' ? ['', ...positionals] : positionals;
  if (user === undefined) throw wrong(`${action === 'print' ? 'the user is' : 'the file or the user is'} missing`);
  if (more.length > 0) throw wrong('too many arguments');
  if (password !== undefined && !values.given) throw wrong('a password on the command line needs -b');
  assertUser(user);
  const source = values.stdin ? 'from stdin' : 'from the terminal';
  return { action, path, user, password: password === undefined ? source : { given: password }, cost: costOf(values.cost) };
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: withFlagsEnded(args), options: FLAGS, allowPositionals: true });
  } catch (error) {
    if (!(error instanceof TypeError && 'code' in error)) throw error;
    throw wrong(error.message.split('. ')[0]!);
  }
}

/** As in Apache's htpasswd, flags end at the first argument without a dash: a password may begin with a dash. */
function withFlagsEnded(args: readonly string[]): string[] {
  const isCost = (index: number) => /^-[^-]*C$/.test(args[index - 1] ?? '');
  const end = args.findIndex((arg, index) => arg === '--' || (!arg.startsWith('-') && !isCost(index)));
  return end === -1 || args[end] === '--' ? [...args] : [...args.slice(0, end), '--', ...args.slice(end)];
}

function costOf(text: string): number {
  const cost = /^\d{1,2}$/.test(text) ? Number(text) : NaN;
  if (!(cost >= MIN_COST && cost <= MAX_COST)) throw wrong(`-C must be from ${MIN_COST} to ${MAX_COST}`);
  return cost;
}

function assertUser(user: string): void {
  if (user === '' || user.startsWith('#') || /[:\p{Cc}]/u.test(user))
    throw new CommandError(
      'the name of a user must not be empty, begin with #, or contain a colon or a control character',
      BAD_USER,
    );
  if (Buffer.byteLength(user) > MAX_USER_BYTES)
    throw new CommandError(`the name of the user has more than ${MAX_USER_BYTES} bytes`, TOO_LONG);
}

function wrong(message: string): CommandError {
  return new CommandError(`${message} (see berth help htpasswd)`, WRONG_USE);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
