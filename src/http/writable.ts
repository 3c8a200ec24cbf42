/** Writing and deleting, which the operator can switch off. */
import type { Config } from '../config/config.ts';
import { Failure } from '../domain/failure.ts';

/**
 * Every route that writes must call this first.
 *
 * @param allowed - the methods of this path that still work, for `Allow`; it may be empty (RFC 9110, section 10.2.1)
 * @throws {Failure} method-unsupported where the registry is read-only
 */
export function checkWritable({ readOnly }: Config, allowed = 'GET, HEAD'): void {
  if (readOnly) throw switchedOff('the registry is read-only at the moment', allowed);
}

/**
 * Every route that deletes content must call this first. Cancelling an upload deletes no content.
 *
 * @param allowed - the methods of this path that work without deleting, for `Allow`
 * @throws {Failure} method-unsupported where deleting is disabled or the registry is read-only
 */
export function checkDeletable(config: Config, allowed: string): void {
  checkWritable(config);
  if (!config.deleteEnabled) throw switchedOff('deleting is disabled in this registry', allowed);
}

function switchedOff(message: string, allowed: string): Failure {
  return new Failure('method-unsupported', message, { headers: { Allow: allowed } });
}
