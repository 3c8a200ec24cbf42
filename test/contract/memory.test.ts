import { listAll } from '../../src/storage/object-store.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { objectStoreContract } from './store-contract.ts';

objectStoreContract('memory', async () => {
  const store = new MemoryStore();
  return { store, remaining: async () => (await Array.fromAsync(listAll(store, ''))).map(({ key }) => key) };
});
