import { ApiClient } from '../support/api-client.ts';
import { describeOnEachStore } from '../support/each-store.ts';
import { describeApi } from '../api/suites/api.ts';

describeOnEachStore('npm start', (registry) => {
  const client = new ApiClient((path, init) => fetch(registry().url + path, init));
  describeApi('over HTTP', () => client);
});
