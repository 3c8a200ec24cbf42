import { ELSEWHERE, lose, mount, pullFrom, push, pushElsewhere, REPOSITORY } from './actors.ts';
import { ONE } from './images.ts';
import { type Actor, type Scenario, scenario } from './scenario.ts';

export const lost = (name: string, before: readonly Actor[], actors: readonly Actor[]): Scenario => ({
  ...scenario(name, [...before, lose(ONE)], actors),
  lost: ONE.configDigest,
});

/** A link whose bytes are missing does not prevent a push. */
export const LOST: readonly Scenario[] = [
  lost(
    'a push of what has lost its bytes, beside a pull',
    [push(ONE, 'latest')],
    [push(ONE, 'latest'), pullFrom(REPOSITORY, ONE)],
  ),
  lost('two pushes of what has lost its bytes', [push(ONE, 'latest')], [push(ONE, 'latest'), push(ONE, 'stable')]),
  lost('a mount of what has lost its bytes', [pushElsewhere(ONE)], [mount(ONE, 'latest'), pullFrom(ELSEWHERE, ONE)]),
];
