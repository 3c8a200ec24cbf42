import { escapeUnseen } from './escape-unseen.ts';

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogOptions {
  /** Events of a lower level are not logged. */
  readonly level: LogLevel;
  readonly formatter: 'text' | 'json';
}

type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;
export type Log = (level: LogLevel, message: string, fields?: LogFields) => void;

/** Characters of one field. Clients choose paths and user agents, which may have tens of thousands. */
const MAX_CHARACTERS = 1000;
/** Enough for some twenty places of a stack. */
const MAX_STACK_CHARACTERS = 4000;

/**
 * Logs one line for each event to the console, which `wrangler dev`, `wrangler tail` and Workers Logs all show. Long fields
 * are cut, and characters that control a terminal or are invisible are escaped.
 */
export function createLog({ level: threshold, formatter }: LogOptions, clock: () => Date): Log {
  const format = formatter === 'json' ? JSON.stringify : formatText;
  return (level, message, fields = {}) => {
    if (LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(threshold)) return;
    const line = escapeUnseen(format({ time: clock().toISOString(), level, msg: message, ...bounded(fields) }));
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

function bounded(fields: LogFields): LogFields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, cut(value, limitOf(name))]));
}

function limitOf(name: string): number {
  return name === 'stack' ? MAX_STACK_CHARACTERS : MAX_CHARACTERS;
}

function cut(value: LogFields[string], limit: number): LogFields[string] {
  if (typeof value !== 'string' || value.length <= limit) return value;
  return `${value.slice(0, limit)}... (${value.length - limit} more characters)`;
}
