// Installs the packages where one is missing; src/cli/run calls it ahead of every npm script. Plain JavaScript without
// imports from node_modules: on a fresh clone there are none, and the machine's own Node may be too old for types.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const projectFolder = fileURLToPath(new URL('../../', import.meta.url));
const packagesFolder = `${projectFolder}node_modules`;
/** There while npm installs, with its pid. Not in node_modules: `npm ci` empties that first. */
const installingMark = `${projectFolder}.installing`;

if (whatIsMissing() !== undefined) await install();

async function install() {
  refuseSecondInstall();
  process.stderr.write('berth: installing packages\n');
  // Errors only: npm would warn of packages that want a newer Node than the system's, and they run on the one that comes along.
  const args = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = spawn('npm', args, { cwd: projectFolder, stdio: ['ignore', process.stderr, 'inherit'] });
  npm.on('error', (error) => fail(`npm ci can't be run: ${error.message}`));
  writeFileSync(installingMark, String(npm.pid));
  const [exitCode, signal] = await once(npm, 'exit');
  rmSync(installingMark, { force: true });
  if (signal !== null) fail(`npm ci was ended by ${signal}`);
  if (exitCode !== 0) fail(`npm ci failed with exit code ${exitCode}`);
  const missing = whatIsMissing();
  if (missing !== undefined) fail(`npm ci left something out: ${missing}`);
}

/** Two installs at once would delete each other's packages. A mark whose process is gone was left by an interrupted install. */
function refuseSecondInstall() {
  if (!existsSync(installingMark)) return;
  const pid = Number(readFileSync(installingMark, 'utf8'));
  if (pid > 0 && isRunning(pid)) fail(`process ${pid} is installing packages (if not, remove ${installingMark})`);
}

/**
 * Compares what was to be installed with npm's record of what is. Times of change would be quicker to compare, but git sets
 * them in any order.
 */
function whatIsMissing() {
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

/** The scripts need the Node that comes as a package; npm does not notice when its install script was skipped. */
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
