import {
  again,
  deleteBlob,
  deleteElsewhere,
  deleteManifest,
  deleteTag,
  mount,
  mountElsewhere,
  pullFrom,
  push,
  pushElsewhere,
  REPOSITORY,
  retag,
  wander,
} from './actors.ts';
import { aged, collect, collectInSlices, collectOnce, condemned } from './collectors.ts';
import { ONE, SIGNATURE, TWO, WINDOWS } from './images.ts';
import { lost } from './lost-bytes.ts';
import { type Scenario, scenario } from './scenario.ts';

/** The run that deletes, in every order with an actor that needs the data. */
export const LAST_MOMENTS: readonly Scenario[] = [
  scenario('a push at the last moment', condemned(push(ONE, 'latest'), deleteManifest(ONE)), [push(ONE, 'latest'), collectOnce]),
  scenario('a tag set at the last moment', condemned(push(ONE, 'latest'), deleteManifest(ONE)), [
    retag(ONE, 'latest'),
    collectOnce,
  ]),
  scenario('a mount at the last moment', condemned(pushElsewhere(ONE), deleteElsewhere(ONE)), [
    mount(ONE, 'latest'),
    collectOnce,
  ]),
  scenario('a tag moved back while its old hint goes', aged(push(ONE, 'latest'), push(TWO, 'latest')), [
    retag(ONE, 'latest'),
    collectOnce,
  ]),
  scenario('a push to a repository that is leaving the catalog', aged(...aged(push(ONE, 'latest')), deleteManifest(ONE)), [
    push(ONE, 'latest'),
    collectOnce,
  ]),
  {
    ...scenario(
      'a tag pushed while retention gives it up',
      [...aged(push(ONE, 'latest')), push(TWO, 'two')],
      [push(ONE, 'latest'), collectOnce],
    ),
    settings: { REGISTRY_RETENTION: '[{keepNewest: 1, untaggedAfter: 1s}]' },
  },
  {
    ...scenario('a manifest tagged while it dies untagged', condemned(push(ONE, 'latest'), deleteTag('latest')), [
      retag(ONE, 'stable'),
      collectOnce,
    ]),
    settings: { REGISTRY_RETENTION: '[{untaggedAfter: 1s}]' },
  },
  scenario(
    'a tag set at the last moment on what has a foreign layer',
    condemned(push(WINDOWS, 'latest'), deleteManifest(WINDOWS)),
    [retag(WINDOWS, 'latest'), collectOnce],
  ),
  scenario('two collections at the last moment', condemned(push(ONE, 'latest'), deleteManifest(ONE)), [collectOnce, collectOnce]),
];

export const COLLECTED: readonly Scenario[] = [
  scenario('a push beside collection', [], [push(ONE, 'latest'), collect]),
  scenario('a push of what was deleted long ago', aged(push(ONE, 'latest'), deleteManifest(ONE)), [push(ONE, 'latest'), collect]),
  scenario('a tag set on what was deleted long ago', aged(push(ONE, 'latest'), deleteManifest(ONE)), [
    retag(ONE, 'latest'),
    collect,
  ]),
  scenario('an image with a foreign layer beside collection', [], [push(WINDOWS, 'latest'), collect]),
  scenario('a tag set on what has a condemned foreign layer', condemned(push(WINDOWS, 'latest'), deleteManifest(WINDOWS)), [
    retag(WINDOWS, 'latest'),
    collect,
  ]),
  scenario('a mount of what was deleted long ago', aged(pushElsewhere(ONE), deleteElsewhere(ONE)), [
    mount(ONE, 'latest'),
    collect,
  ]),
  scenario('a push of what is condemned', condemned(push(ONE, 'latest'), deleteManifest(ONE)), [push(ONE, 'latest'), collect]),
  scenario('a tag set on what is condemned', condemned(push(ONE, 'latest'), deleteManifest(ONE)), [
    retag(ONE, 'latest'),
    collect,
  ]),
  scenario('a mount of what is condemned', condemned(pushElsewhere(ONE), deleteElsewhere(ONE)), [mount(ONE, 'latest'), collect]),
  scenario('a delete beside collection', aged(push(ONE, 'latest')), [deleteManifest(ONE), collect]),
  scenario('two collections', aged(push(ONE, 'latest'), deleteManifest(ONE)), [collect, collect]),
];

export const COLLECTED_CROWDS: readonly Scenario[] = [
  {
    ...scenario(
      'a blob that wanders beside collection in slices',
      [push(TWO, 'two'), pushElsewhere(TWO)],
      [wander(ONE), collectInSlices],
    ),
    pageKeys: 3,
  },
  {
    ...scenario('a blob mounted to and fro beside collection in slices', aged(pushElsewhere(ONE), deleteElsewhere(ONE)), [
      mount(ONE, 'a'),
      mountElsewhere(ONE),
      collectInSlices,
    ]),
    pageKeys: 3,
  },
  {
    ...lost(
      'a push of what has lost its bytes, beside collection',
      [push(ONE, 'latest')],
      [push(ONE, 'latest'), pullFrom(REPOSITORY, ONE), collect],
    ),
  },
  scenario('a push and a delete, each tried again, beside collection', aged(push(ONE, 'latest')), [
    again(push(ONE, 'latest')),
    again(deleteManifest(ONE)),
    collect,
  ]),
  scenario('deletes tried again', aged(push(SIGNATURE, 'a'), push(ONE, 'latest')), [
    again(deleteManifest(SIGNATURE)),
    again(deleteTag('latest')),
    push(SIGNATURE, 'b'),
    collect,
  ]),
  scenario('a push beside collection in slices', aged(push(ONE, 'latest'), push(TWO, 'two'), pushElsewhere(ONE)), [
    push(ONE, 'latest'),
    deleteManifest(ONE),
    retag(TWO, 'latest'),
    collectInSlices,
  ]),
  scenario('a repository emptied and filled again', aged(push(ONE, 'latest')), [
    deleteManifest(ONE),
    push(ONE, 'latest'),
    collect,
    collectInSlices,
  ]),
  scenario('a tag that moves to and fro', aged(push(ONE, 'latest'), push(TWO, 'latest'), push(ONE, 'stable')), [
    retag(ONE, 'latest'),
    retag(TWO, 'latest'),
    deleteManifest(ONE),
    collect,
  ]),
  scenario('a push beside two collections', [], [push(ONE, 'latest'), collect, collect]),
  scenario('pushes, deletes and two collections', aged(push(ONE, 'latest'), push(TWO, 'two')), [
    push(ONE, 'latest'),
    deleteManifest(ONE),
    retag(TWO, 'latest'),
    collect,
    collect,
  ]),
  scenario('a mount from where it is deleted, beside collection', aged(pushElsewhere(ONE), deleteElsewhere(ONE)), [
    mount(ONE, 'a'),
    mount(ONE, 'b'),
    deleteBlob(ONE),
    deleteManifest(ONE),
    collect,
  ]),
];
