import { readFileSync } from 'node:fs';

/** What a process holds in memory at this moment, as Linux tells. */
export function residentMib(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
}
