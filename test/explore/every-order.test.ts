import { describe } from 'vitest';
import { testEveryOrder } from './explore.ts';
import { IN_EVERY_ORDER } from './scenarios/all.ts';

describe('in every order of two', () => {
  testEveryOrder(IN_EVERY_ORDER);
});
