import { costSuite } from '../api/costs.ts';
import { ApiClient } from '../support/api-client.ts';
import { roundsOf } from '../support/counting-proxy.ts';
import { describeOnS3 } from '../support/each-store.ts';

/** Long enough that requests made side by side overlap whatever else the machine does. */
const DELAY_MS = 40;

describeOnS3('on the wire to', {}, (registry) => {
  const client = new ApiClient((path, init) => fetch(registry().url + path, init));

  costSuite(
    () => client,
    async (work) => {
      const { ofApp } = registry().traffic!;
      ofApp.reset();
      ofApp.delayBy(DELAY_MS);
      try {
        await work();
      } finally {
        ofApp.delayBy(0);
      }
      return { operations: ofApp.requests.length, rounds: roundsOf(ofApp.requests) };
    },
  );
});
