import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** The process and all its descendants, parents first, from /proc. */
export function processTree(pid: number): number[] {
  const children = Map.groupBy(allProcesses(), (process) => process.parent);
  const withDescendants = (root: number): number[] => [
    root,
    ...(children.get(root) ?? []).flatMap((child) => withDescendants(child.pid)),
  ];
  return withDescendants(pid);
}

/** All running processes of a process group. Their parents may have changed. */
export function processGroup(leader: number): number[] {
  return allProcesses()
    .filter(({ group }) => group === leader)
    .map(({ pid }) => pid)
    .filter(isRunning);
}

export function commandLine(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
}

/** CPU time of all its threads so far, in user and kernel mode. proc(5) counts hundredths of a second. */
export function cpuMilliseconds(pid: number): number {
  const [utime, stime] = statOf(pid).slice(11, 13);
  if (stime === undefined) throw new Error(`process ${pid} is gone`);
  return (Number(utime) + Number(stime)) * 10;
}

/** False for a zombie: it has ended, and its parent hasn't noticed yet. */
function isRunning(pid: number): boolean {
  return !['', 'Z', 'X'].includes(statOf(pid)[0] ?? '');
}

/** The processes that still run after that time. Returns early when none does. */
export async function survivorsAfter(milliseconds: number, pids: readonly number[]): Promise<number[]> {
  for (const deadline = Date.now() + milliseconds; Date.now() < deadline && pids.some(isRunning);) await sleep(20);
  return pids.filter(isRunning);
}

/** Sends SIGKILL to each that still runs. */
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

/** The fields after the name: state, parent and so on. The name is in parentheses, and may contain anything. */
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
