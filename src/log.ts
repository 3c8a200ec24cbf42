import type { Config, LogLevel } from './config.ts';

type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;
export type Log = (level: LogLevel, message: string, fields?: LogFields) => void;

const RANK: Record<LogLevel, number> = { error: 0, warn: 1, info: 2, debug: 3 };

/** One line an event, on the console, which `wrangler dev`, `wrangler tail` and Workers Logs all show. */
export function createLog({ level: threshold, formatter }: Config['log'], clock: () => Date): Log {
  const format = formatter === 'json' ? JSON.stringify : formatText;
  return (level, message, fields = {}) => {
    if (RANK[level] > RANK[threshold]) return;
    const line = format({ time: clock().toISOString(), level, msg: message, ...fields });
    if (level === 'error') console.error(line);
    else console.log(line);
  };
}

/** registry:2's text form: `key=value`, quoted where needed. */
function formatText(fields: LogFields): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${/^[\w./:@+-]+$/.test(String(value)) ? String(value) : JSON.stringify(String(value))}`)
    .join(' ');
}
