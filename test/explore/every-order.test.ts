import { describe } from 'vitest';
import { testEveryOrder } from './explore.ts';
import { IN_EVERY_ORDER } from './scenarios/all.ts';

describe('every order of two actors', () => {
  testEveryOrder(IN_EVERY_ORDER);
});
