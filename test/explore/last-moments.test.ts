/** In a file of its own, so that it runs beside every-order.test.ts: each takes minutes. */
import { describe } from 'vitest';
import { testEveryOrder } from './explore.ts';
import { LAST_MOMENTS } from './scenarios/collection.ts';

describe('in every order of two, at the last moment', () => {
  testEveryOrder(LAST_MOMENTS);
});
