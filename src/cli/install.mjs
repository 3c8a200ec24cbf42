// Installs the packages where one is missing; src/cli/run calls it ahead of every npm script. Plain JavaScript without
// imports from node_modules: on a fresh clone there are none, and the machine's own Node may be too old for types.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const projectFolder = fileURLToPath(new URL('../../', import.meta.url));
const packagesFolder = `${projectFolder}node_modules`;
/** A file with npm's pid while npm installs. It is not in node_modules, because `npm ci` deletes that first. */
const installingMark = `${projectFolder}.installing`;

if (findMissing() !== undefined) await install();

async function install() {
  refuseSecondInstall();
  process.stderr.write('berth: installing packages\n');
  // Errors only: npm would warn about packages that need a newer Node than the system's. They run on the installed Node.
  const args = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = spawn('npm', args, { cwd: projectFolder, stdio: ['ignore', process.stderr, 'inherit'] });
  npm.on('error', (error) => fail(`cannot run npm ci: ${error.message}`));
  writeFileSync(installingMark, String(npm.pid));
  const [exitCode, signal] = await once(npm, 'exit');
  rmSync(installingMark, { force: true });
  if (signal !== null) fail(`npm ci was ended by ${signal}`);
  if (exitCode !== 0) fail(`npm ci failed with exit code ${exitCode}`);
  const missing = findMissing();
  if (missing !== undefined) fail(`npm ci did not install ${missing}`);
}

/** Two installs at once would delete each other's packages. If the process has ended, an interrupted install left the file. */
function refuseSecondInstall() {
  if (!existsSync(installingMark)) return;
  const pid = Number(readFileSync(installingMark, 'utf8'));
  if (pid > 0 && isRunning(pid)) fail(`process ${pid} is installing packages (if it is not, remove ${installingMark})`);
}

/**
 * Compares the packages of package-lock.json with npm's list of installed ones. Comparing modification times would be faster,
 * but git doesn't preserve them.
 */
function findMissing() {
  const wanted = readPackages('package-lock.json');
  const installed = readPackages('node_modules/.package-lock.json');
  if (wanted === undefined) return 'package-lock.json';
  if (installed === undefined) return 'node_modules';
  for (const [path, { version, optional }] of Object.entries(wanted)) {
    const isProjectItself = path === '';
    const isForAnotherMachine = optional && installed[path] === undefined;
    if (!isProjectItself && !isForAnotherMachine && installed[path]?.version !== version) return path;
  }
  return nodeRuns() ? undefined : 'node_modules/.bin/node (were install scripts skipped?)';
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(projectFolder + path, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/** The scripts need the Node that is installed as a package. npm doesn't notice when its install script was skipped. */
function nodeRuns() {
  return spawnSync(`${packagesFolder}/.bin/node`, ['--version']).status === 0;
}

function isRunning(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function fail(message) {
  process.stderr.write(`berth: ${message}\n`);
  process.exit(1);
}
