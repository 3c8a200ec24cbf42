/** A separate file, so that it runs beside every-order.test.ts: each takes minutes. */
import { describe } from 'vitest';
import { testEveryOrder } from './explore.ts';
import { LAST_MOMENTS } from './scenarios/collection.ts';

describe('every order of two actors, just before collection deletes', () => {
  testEveryOrder(LAST_MOMENTS);
});
