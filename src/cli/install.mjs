// Runs ahead of every npm script (prestart, pretest, ...) and installs the packages where that is needed. Plain JavaScript
// without imports from node_modules: on a fresh clone there are none, and the machine's own Node may be too old for types.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const projectFolder = fileURLToPath(new URL('../../', import.meta.url));
const packagesFolder = `${projectFolder}node_modules`;
/** There while npm installs, with its pid, and after an install that was cut short. */
const unfinishedMark = `${packagesFolder}/.unfinished-install`;

if (existsSync(unfinishedMark)) removeUnfinished(Number(readFileSync(unfinishedMark)));
if (whatIsMissing() !== undefined) await install();

/** npm itself would take half an unpacked package for a whole one. */
function removeUnfinished(npmPid) {
  if (isRunning(npmPid)) fail(`process ${npmPid} is installing packages (if not, remove node_modules)`);
  rmSync(packagesFolder, { recursive: true });
}

async function install() {
  process.stderr.write('berth: installing packages\n');
  // Not `npm ci`: it refuses a lock file that was made where packages for another operating system could not be had.
  const args = ['install', '--include=dev', '--include=optional', '--no-audit', '--no-fund'];
  const npm = spawn('npm', args, { cwd: projectFolder, stdio: ['ignore', process.stderr, 'inherit'] });
  npm.on('error', (error) => fail(`npm install can't be run: ${error.message}`));
  mkdirSync(packagesFolder, { recursive: true });
  writeFileSync(unfinishedMark, String(npm.pid));
  const [exitCode, signal] = await once(npm, 'exit');
  if (signal !== null) fail(`npm install was ended by ${signal}`);
  const missing = exitCode === 0 ? whatIsMissing() : undefined;
  if (missing !== undefined) fail(`npm install left something out: ${missing}`);
  // Also after a failure, when npm tells of it itself: it has put everything back as it was.
  rmSync(unfinishedMark);
  if (exitCode !== 0) fail(`npm install failed with exit code ${exitCode}`);
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
