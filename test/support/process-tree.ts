import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** The process and all that descend from it, parents first, as Linux tells in /proc. */
export function processTree(pid: number): number[] {
  const children = Map.groupBy(allProcesses(), (process) => process.parent);
  const withDescendants = (root: number): number[] => [
    root,
    ...(children.get(root) ?? []).flatMap((child) => withDescendants(child.pid)),
  ];
  return withDescendants(pid);
}

/** All that belong to the process group, whoever their parent is by now. */
export function processGroup(leader: number): number[] {
  return allProcesses()
    .filter(({ group }) => group === leader)
    .map(({ pid }) => pid)
    .filter(isRunning);
}

export function commandLine(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
}

/** What it has used so far, its threads together, in user and kernel mode: proc(5) has it in hundredths of a second. */
export function cpuMilliseconds(pid: number): number {
  const [utime, stime] = statOf(pid).slice(11, 13);
  if (stime === undefined) throw new Error(`process ${pid} is gone`);
  return (Number(utime) + Number(stime)) * 10;
}

/** False for one that has ended and only waits to be noticed by its parent. */
function isRunning(pid: number): boolean {
  return !['', 'Z', 'X'].includes(statOf(pid)[0] ?? '');
}

/** Which of the processes still run after that time; returns early when none does. */
export async function survivorsAfter(milliseconds: number, pids: readonly number[]): Promise<number[]> {
  for (const deadline = Date.now() + milliseconds; Date.now() < deadline && pids.some(isRunning);) await sleep(20);
  return pids.filter(isRunning);
}

/** SIGKILL to each that is still there. */
export function killAll(pids: readonly number[]): void {
  for (const pid of pids.filter(isRunning)) process.kill(pid, 'SIGKILL');
}

function allProcesses(): { pid: number; parent: number; group: number }[] {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
  return pids.map((pid) => {
    const [, parent, group] = statOf(pid);
    return { pid, parent: Number(parent), group: Number(group) };
  });
}

/** State, parent and so on: what follows the name, which is in parentheses and may hold anything. */
function statOf(pid: number): string[] {
  const stat = read(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
