import { memoryRegistry } from '../support/memory-registry.ts';
import { describeApi } from './suites/api.ts';

const { client } = memoryRegistry();
describeApi('on a bucket in memory', () => client);
