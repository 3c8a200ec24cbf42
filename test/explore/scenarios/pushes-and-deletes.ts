import { again, deleteInSteps, deleteManifest, deleteTag, mount, push, pushElsewhere, retag } from './actors.ts';
import { ONE, SIGNATURE, TWO } from './images.ts';
import { type Scenario, scenario } from './scenario.ts';

export const BOTH = [push(ONE, 'latest'), push(TWO, 'two')];

export const PAIRS: readonly Scenario[] = [
  scenario('two images pushed to one tag', [], [push(ONE, 'latest'), push(TWO, 'latest')]),
  scenario('one image pushed twice', [], [push(ONE, 'latest'), push(ONE, 'latest')]),
  scenario('one image pushed to two tags', [], [push(ONE, 'latest'), push(ONE, 'stable')]),
  scenario('an image pushed while it is deleted', [push(ONE, 'latest')], [push(ONE, 'latest'), deleteManifest(ONE)]),
  scenario('an image pushed while its tag is deleted', [push(ONE, 'latest')], [push(ONE, 'latest'), deleteTag('latest')]),
  scenario('a referrer pushed while it is deleted', [push(SIGNATURE, 'a')], [push(SIGNATURE, 'a'), deleteManifest(SIGNATURE)]),
  scenario('a referrer pushed twice', [], [push(SIGNATURE, 'a'), push(SIGNATURE, 'b')]),
  scenario('a referrer deleted twice', [push(SIGNATURE, 'a')], [deleteManifest(SIGNATURE), deleteManifest(SIGNATURE)]),
  scenario('a tag moved on while what it named is deleted', BOTH, [retag(TWO, 'latest'), deleteManifest(ONE)]),
  scenario('a tag moved to what is deleted', BOTH, [retag(ONE, 'two'), deleteManifest(ONE)]),
  scenario('a tag moved while it is deleted', BOTH, [retag(TWO, 'latest'), deleteTag('latest')]),
  scenario('an image deleted twice', BOTH, [deleteManifest(ONE), deleteManifest(ONE)]),
  scenario('an image and its tag deleted', BOTH, [deleteManifest(ONE), deleteTag('latest')]),
  scenario('a blob mounted while it is pushed elsewhere', [], [mount(ONE, 'latest'), pushElsewhere(ONE)]),
  scenario('a blob mounted while the same image is pushed', [pushElsewhere(ONE)], [mount(ONE, 'latest'), push(ONE, 'latest')]),
];

export const CROWDS: readonly Scenario[] = [
  scenario('pushes, moves and deletes', BOTH, [push(ONE, 'latest'), retag(TWO, 'latest'), deleteManifest(ONE), push(ONE, 'two')]),
  scenario('one image pushed by three and deleted', [], [push(ONE, 'a'), push(ONE, 'a'), push(ONE, 'b'), deleteManifest(ONE)]),
  scenario(
    'a referrer pushed by two and deleted',
    [push(SIGNATURE, 'a')],
    [push(SIGNATURE, 'a'), push(SIGNATURE, 'b'), deleteManifest(SIGNATURE)],
  ),
  scenario(
    'one image pushed to one tag by three and deleted',
    [push(ONE, 'latest')],
    [retag(ONE, 'latest'), retag(ONE, 'latest'), retag(ONE, 'latest'), deleteManifest(ONE)],
  ),
  scenario('two images pushed to one tag by four, and one of the images deleted', BOTH, [
    retag(ONE, 'latest'),
    retag(TWO, 'latest'),
    retag(ONE, 'latest'),
    retag(TWO, 'latest'),
    deleteManifest(ONE),
  ]),
  scenario('a tag pushed by three and deleted', BOTH, [
    retag(ONE, 'latest'),
    retag(TWO, 'latest'),
    retag(ONE, 'latest'),
    deleteTag('latest'),
  ]),
  scenario(
    'a referrer pushed by three and deleted twice',
    [push(SIGNATURE, 'a')],
    [
      retag(SIGNATURE, 'a'),
      retag(SIGNATURE, 'a'),
      retag(SIGNATURE, 'b'),
      deleteManifest(SIGNATURE),
      again(deleteManifest(SIGNATURE)),
    ],
  ),
  {
    ...scenario(
      'an image of four tags deleted a tag at a time, by two, while it is pushed',
      [push(ONE, 'a'), retag(ONE, 'b'), retag(ONE, 'c'), retag(ONE, 'd'), push(TWO, 'd')],
      [retag(ONE, 'a'), retag(ONE, 'b'), deleteInSteps(ONE), deleteInSteps(ONE)],
    ),
    tagsADelete: { deleted: 1, checked: 1 },
  },
  scenario('mounts and pushes', [pushElsewhere(ONE)], [mount(ONE, 'a'), mount(ONE, 'b'), push(ONE, 'a'), deleteTag('a')]),
];
