import { deleteInSteps, deleteManifest, deleteTag, push, retag } from './actors.ts';
import { aged, collect } from './collectors.ts';
import { ONE, RETYPED, SIGNATURE, TWO, UNTYPED } from './images.ts';
import { BOTH } from './pushes-and-deletes.ts';
import { type Actor, type Scenario, scenario } from './scenario.ts';

const immutable = (name: string, before: readonly Actor[], actors: readonly Actor[]): Scenario => ({
  ...scenario(name, before, actors),
  settings: { REGISTRY_TAGS_IMMUTABLE: '- {tags: v1}' },
  immutable: 'v1',
});

export const IMMUTABLE: readonly Scenario[] = [
  immutable('two images pushed to one immutable tag', [], [push(ONE, 'v1'), push(TWO, 'v1')]),
  immutable('one image pushed twice to an immutable tag', [], [push(ONE, 'v1'), push(ONE, 'v1')]),
  immutable('an immutable tag set on what is deleted', [push(ONE, 'latest')], [retag(ONE, 'v1'), deleteManifest(ONE)]),
  immutable(
    'an immutable tag set on a referrer that is deleted',
    [push(SIGNATURE, 'latest')],
    [retag(SIGNATURE, 'v1'), deleteManifest(SIGNATURE)],
  ),
  immutable('an image pushed to an immutable tag as two media types', [], [push(UNTYPED, 'v1'), push(RETYPED, 'v1')]),
  immutable('an immutable tag beside a push as another media type', [], [push(UNTYPED, 'v1'), push(RETYPED, 'latest')]),
  immutable('an immutable tag pushed while it is deleted', [push(ONE, 'latest')], [retag(ONE, 'v1'), deleteTag('v1')]),
];

export const IMMUTABLE_CROWDS: readonly Scenario[] = [
  immutable('an immutable tag that two want, on what is deleted', BOTH, [
    retag(ONE, 'v1'),
    retag(TWO, 'v1'),
    deleteManifest(ONE),
    deleteManifest(TWO),
  ]),
  immutable(
    'an immutable tag that three give to one image, which is deleted',
    [push(ONE, 'latest')],
    [retag(ONE, 'v1'), retag(ONE, 'v1'), retag(ONE, 'v1'), deleteManifest(ONE)],
  ),
  {
    ...immutable(
      'an immutable tag set on what is deleted a tag at a time',
      [push(ONE, 'a'), retag(ONE, 'b'), retag(ONE, 'c')],
      [retag(ONE, 'v1'), retag(ONE, 'a'), deleteInSteps(ONE)],
    ),
    tagsADelete: { deleted: 1, checked: 1 },
  },
  immutable(
    'an immutable tag set on what is deleted, and pushed as another media type',
    [push(UNTYPED, 'latest')],
    [retag(UNTYPED, 'v1'), deleteManifest(UNTYPED), push(RETYPED, 'latest')],
  ),
  immutable('an immutable tag beside collection', aged(push(ONE, 'latest')), [
    retag(ONE, 'v1'),
    push(TWO, 'v1'),
    deleteManifest(ONE),
    collect,
  ]),
];
