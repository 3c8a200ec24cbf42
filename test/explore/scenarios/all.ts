import { COLLECTED, COLLECTED_CROWDS, LAST_MOMENTS } from './collection.ts';
import { IMMUTABLE, IMMUTABLE_CROWDS } from './immutable-tags.ts';
import { LOST } from './lost-bytes.ts';
import { CROWDS, PAIRS } from './pushes-and-deletes.ts';
import { SLOW } from './uploads.ts';

export const IN_EVERY_ORDER = [...PAIRS, ...LOST, ...IMMUTABLE];
export const AT_RANDOM = [
  ...PAIRS,
  ...LOST,
  ...CROWDS,
  ...COLLECTED,
  ...COLLECTED_CROWDS,
  ...IMMUTABLE,
  ...IMMUTABLE_CROWDS,
  ...SLOW,
];
export const scenarioNamed = (name: string) =>
  [...IN_EVERY_ORDER, ...LAST_MOMENTS, ...AT_RANDOM].find((scenario) => scenario.name === name)!;
