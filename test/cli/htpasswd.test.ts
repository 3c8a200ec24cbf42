/** `npx berth htpasswd`, compared with Apache's htpasswd where that is installed. */
import { execFileSync } from 'node:child_process';
import { chmod, chown, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { compareSync } from 'bcryptjs';
import { describe, expect, test, vi } from 'vitest';
import { berth, berthAtTerminal } from '../support/berth.ts';
import { missingProgram } from '../support/needs-node.ts';
import { describeUnless } from '../support/needs.ts';
import { testPassword } from '../support/no-secrets.ts';
import { findProgram } from '../support/programs.ts';
import { startServer } from '../support/server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { basic } from '../support/users.ts';

vi.setConfig({ testTimeout: 60_000 });

const folder = temporaryFolder();
const htpasswd = (...args: string[]) => berth(['htpasswd', ...args]);

/** Expects a line, of a file or of the output, with this user, password and bcrypt cost. */
function expectLine(line: string, user: string, password: string, cost: string): void {
  expect(line).toMatch(new RegExp(String.raw`^${user}:\$2y\$${cost}\$[./A-Za-z0-9]{53}$`));
  expect(compareSync(password, line.slice(user.length + 1))).toBe(true);
}

describe('prints with -n', () => {
  test('one line, with a bcrypt hash of cost 10', () => {
    const { exitCode, stdout, stderr } = htpasswd('-Bbn', 'somebody', 'a password');
    expect([exitCode, stderr, stdout.at(-1)]).toEqual([0, '', '\n']);
    expectLine(stdout.trimEnd(), 'somebody', 'a password', '10');
  });

  test('a hash of another cost with -C', () => {
    for (const args of [['-bnC', '4'], ['-C', '4', '-nb'], ['-bnC4']])
      expectLine(htpasswd(...args, 'a', 'b').stdout.trimEnd(), 'a', 'b', '04');
  });

  test('a hash of the password on stdin with -i', () => {
    const { stdout } = berth(['htpasswd', '-inC', '4', 'a'], { input: ' ä: ß \r\n' });
    expectLine(stdout.trimEnd(), 'a', ' ä: ß ', '04');
  });

  test('a hash of a password that begins with a dash', () => {
    expectLine(htpasswd('-nbC', '4', 'a', '-b').stdout.trimEnd(), 'a', '-b', '04');
  });
});

describe('a file', () => {
  const OTHERS = '# who may\r\n\nold:$apr1$abcdefgh$0123456789abcdefghijkl\nlatin\xe9:x\nbobby:y';

  /** Creates a folder with an htpasswd file: users of other kinds, and no line end after the last line. */
  async function makeFile(name: string): Promise<string> {
    await mkdir(folder(name));
    await writeFile(folder(name, 'users'), OTHERS, 'latin1');
    await chmod(folder(name, 'users'), 0o640);
    return folder(name, 'users');
  }

  test('is created only with -c, and only its owner can read it', async () => {
    const path = folder('new');
    const missing = `berth htpasswd: cannot read ${path} (ENOENT; -c creates it)\n`;
    expect(htpasswd('-b', path, 'alice', 'one')).toEqual({ exitCode: 1, stdout: '', stderr: missing });
    const added = { exitCode: 0, stdout: '', stderr: 'Adding password for user alice\n' };
    expect(htpasswd('-bcC', '4', path, 'alice', 'one')).toEqual(added);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expectLine((await readFile(path, 'utf8')).trimEnd(), 'alice', 'one', '04');
  });

  test('gets a line for a new user, or a new line for a known one; other lines and the mode stay', async () => {
    const path = await makeFile('changed');
    htpasswd('-bC', '4', path, 'bob', 'one');
    const linesOf = async () => (await readFile(path, 'latin1')).split('\n');
    const first = await linesOf();
    expect(first.slice(0, 5).join('\n')).toBe(OTHERS);
    expectLine(first[5]!, 'bob', 'one', '04');
    expect(htpasswd('-bC', '4', path, 'old', 'two').stderr).toBe('Updating password for user old\n');
    const second = await linesOf();
    expectLine(second[2]!, 'old', 'two', '04');
    expect(second.toSpliced(2, 1)).toEqual(first.toSpliced(2, 1));
    expect((await stat(path)).mode & 0o777).toBe(0o640);
    expect(await readdir(folder('changed'))).toEqual(['users']);
  });

  test.runIf(process.getuid?.() === 0)('keeps its owner', async () => {
    const path = await makeFile('owned');
    await chown(path, 12345, 54321);
    htpasswd('-bC', '4', path, 'bob', 'one');
    expect(await stat(path)).toMatchObject({ uid: 12345, gid: 54321 });
  });

  test('is replaced by a new file, also behind a link, so that readers never find half of it', async () => {
    const path = await makeFile('replaced');
    const link = folder('link');
    await symlink(path, link);
    const before = await stat(path);
    htpasswd('-bC', '4', link, 'bob', 'one');
    expect((await stat(path)).ino).not.toBe(before.ino);
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
  });

  test('that cannot be written is an error of one line', async () => {
    const stderr = 'berth htpasswd: cannot write /proc/users (ENOENT)\n';
    expect(htpasswd('-bcC', '4', '/proc/users', 'a', 'b')).toMatchObject({ exitCode: 1, stderr });
  });

  test('with lines of another form is refused', async () => {
    await writeFile(folder('none'), '# users\nhello\n');
    const refused = { exitCode: 7, stderr: `berth htpasswd: ${folder('none')} is not an htpasswd file\n` };
    for (const flags of ['-b', '-bv', '-D']) expect(htpasswd(flags, folder('none'), 'a')).toMatchObject(refused);
    expect(await readFile(folder('none'), 'utf8')).toBe('# users\nhello\n');
  });

  test('loses a user with -D', async () => {
    const path = await makeFile('deleted');
    expect(htpasswd('-D', path, 'old')).toEqual({ exitCode: 0, stdout: '', stderr: 'Deleting password for user old\n' });
    expect(await readFile(path, 'latin1')).toBe('# who may\r\n\nlatin\xe9:x\nbobby:y\n');
    expect(htpasswd('-D', path, 'old')).toEqual({ exitCode: 0, stdout: '', stderr: 'User old not found\n' });
  });

  test('is compared with a password by -v', async () => {
    const path = await makeFile('verified');
    htpasswd('-bC', '4', path, 'jörg', 'right');
    const verify = (user: string, password: string) => htpasswd('-vb', path, user, password);
    expect(verify('jörg', 'right')).toEqual({ exitCode: 0, stdout: '', stderr: 'Password for user jörg correct.\n' });
    const failed = 'berth htpasswd: password verification failed\n';
    expect(verify('jörg', 'wrong')).toEqual({ exitCode: 3, stdout: '', stderr: failed });
    expect(verify('bob', 'right')).toMatchObject({ exitCode: 6, stderr: 'berth htpasswd: user bob not found\n' });
    expect(verify('old', 'right')).toMatchObject({
      exitCode: 7,
      stderr: 'berth htpasswd: the line of old has no bcrypt hash\n',
    });
  });
});

describe('refuses, in one line', () => {
  test.each([
    [['-x', 'f', 'u'], "Unknown option '-x'"],
    [['-C'], "Option '-C, --cost <value>' argument missing"],
    ...['m', 'd', 's', 'p', '2', '5'].map((kind) => [
      [`-b${kind}`, 'f', 'u', 'p'],
      `-${kind} is not supported: Berth takes bcrypt only`,
    ]),
    [['-cn', 'u'], 'only one of -c, -n, -D and -v is allowed'],
    [['-Dv', 'f', 'u'], 'only one of -c, -n, -D and -v is allowed'],
    [['-bin', 'u', 'p'], 'only one of -b and -i is allowed'],
    [['-C', '3', '-bn', 'u', 'p'], '-C must be from 4 to 17'],
    [['-C', '18', '-bn', 'u', 'p'], '-C must be from 4 to 17'],
    [['-C', 'x', '-bn', 'u', 'p'], '-C must be from 4 to 17'],
    [['-n'], 'the user is missing'],
    [['f'], 'the file or the user is missing'],
    [['-b', 'f', 'u', 'p', 'more'], 'too many arguments'],
    [['-n', 'u', 'p'], 'a password on the command line needs -b'],
  ] as [string[], string][])('%j', (args, problem) => {
    const stderr = `berth htpasswd: ${problem} (see berth help htpasswd)\n`;
    expect(htpasswd(...args)).toEqual({ exitCode: 2, stdout: '', stderr });
  });

  test.each(['', 'a:b', 'a\nb', '#a'])('a user called %j', (user) => {
    const stderr =
      'berth htpasswd: the name of a user must not be empty, begin with #, or contain a colon or a control character\n';
    expect(htpasswd('-bn', user, 'p')).toEqual({ exitCode: 6, stdout: '', stderr });
  });

  test('a name of more than 255 bytes', () => {
    expect(htpasswd('-bnC', '4', 'u'.repeat(255), 'p').exitCode).toBe(0);
    expect(htpasswd('-bnC', '4', `${'u'.repeat(254)}ä`, 'p').exitCode).toBe(5);
  });

  test('a password of more than 72 bytes', () => {
    const stderr = 'berth htpasswd: the password has more than 72 bytes: bcrypt ignores further bytes\n';
    expect(htpasswd('-bnC', '4', 'u', 'x'.repeat(72)).exitCode).toBe(0);
    expect(htpasswd('-bnC', '4', 'u', `${'x'.repeat(71)}ä`)).toEqual({ exitCode: 5, stdout: '', stderr });
  });

  test('a missing password where there is no terminal', () => {
    const stderr = 'berth htpasswd: there is no terminal to ask for the password: pass it by -b or -i\n';
    for (const args of [
      ['-n', 'u'],
      ['-bn', 'u'],
    ])
      expect(htpasswd(...args)).toEqual({ exitCode: 2, stdout: '', stderr });
  });
});

describeUnless(process.platform === 'linux' ? missingProgram('script', 'bsdutils') : 'knows the script of Linux', 'asks', () => {
  test('twice for a new password, which is not shown', async () => {
    const { exitCode, shown } = await berthAtTerminal(['htpasswd', '-nC', '4', 'somebody'], ['ä secret\r', 'ä secret\r']);
    expect(exitCode).toBe(0);
    const [one, other, line = ''] = shown.split('\r\n');
    expect([one, other]).toEqual(['New password: ', 'Re-type new password: ']);
    expectLine(line, 'somebody', 'ä secret', '04');
  });

  test('for a password that is missing after -b', async () => {
    const { shown } = await berthAtTerminal(['htpasswd', '-BbnC', '4', 'somebody'], ['secret\rsecret\r']);
    expectLine(shown.split('\r\n')[2]!, 'somebody', 'secret', '04');
  });

  test.each([
    ['two different ones are refused', ['one\r', 'other\r'], 3, 'the two passwords differ'],
    ['Ctrl-C ends it', ['one\r', '\x03'], 4, 'interrupted'],
    ['Ctrl-D ends it', ['\x04'], 4, 'interrupted'],
  ])('twice for a new password: %s', async (_, typed, code, problem) => {
    const { exitCode, shown } = await berthAtTerminal(['htpasswd', '-n', 'somebody'], typed);
    expect([exitCode, shown.split('\r\n').at(-2)]).toEqual([code, `berth htpasswd: ${problem}`]);
  });

  test('once with -v', async () => {
    htpasswd('-bcC', '4', folder('asked'), 'alice', 'right');
    const asked = async (typed: string) => berthAtTerminal(['htpasswd', '-v', folder('asked'), 'alice'], [typed]);
    expect(await asked('right\r')).toEqual({ exitCode: 0, shown: 'Enter password: \r\nPassword for user alice correct.\r\n' });
    expect((await asked('wrong\r')).exitCode).toBe(3);
  });
});

describeUnless(missingProgram('htpasswd', 'apache2-utils'), "Apache's htpasswd", () => {
  const apache = (...args: string[]) => execFileSync(findProgram('htpasswd') as string, args, { stdio: 'pipe' });

  test('reads files of this command, and writes files for it', () => {
    const path = folder('both');
    htpasswd('-bc', path, 'alice', 'pässword one');
    apache('-b', '-B', path, 'bob', 'pässword two');
    for (const [user, password] of [
      ['alice', 'pässword one'],
      ['bob', 'pässword two'],
    ] as const) {
      apache('-vb', path, user, password);
      expect(() => apache('-vb', path, user, 'wrong')).toThrow('verification failed');
      expect(htpasswd('-vb', path, user, password).exitCode).toBe(0);
    }
  });
});

test('a user of a new file can sign in', async () => {
  const path = folder('log in');
  const password = testPassword('right');
  htpasswd('-bc', path, 'alice', password);
  const server = await startServer({ env: { REGISTRY_AUTH: 'htpasswd', REGISTRY_AUTH_HTPASSWD_PATH: path } });
  try {
    const status = async (tried: string) =>
      (await fetch(`${server.url}/v2/`, { headers: { Authorization: basic('alice', tried) } })).status;
    expect([await status(password), await status(testPassword('wrong'))]).toEqual([200, 401]);
  } finally {
    await server.stop();
  }
});
