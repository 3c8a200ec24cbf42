import { z } from 'zod';

const SECONDS = { h: 3600, m: 60, s: 1 } as const;

/** A duration in the notation of Go, as in registry:2: `168h`, `1h30m`, `90s`. Its output is in seconds. */
export const duration = z
  .string()
  .regex(/^(?=.)(\d{1,6}h)?(\d{1,6}m)?(\d{1,9}s)?$/, 'must be a duration such as 24h, 90m or 1h30m')
  .transform((text) =>
    [...text.matchAll(/(\d+)([hms])/g)].reduce((sum, [, count, unit]) => sum + Number(count) * SECONDS[unit as 'h'], 0),
  );
