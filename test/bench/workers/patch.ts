/**
 * The least work for a PATCH of unknown length in workerd: it reads, hashes and sends parts. Its requests are unsigned (the
 * bucket lets anyone write), so it computes no signature and no second hash.
 */
import { createHash } from 'node:crypto';

interface Bindings {
  readonly BUCKET_URL: string;
}

/** Size and number of parts at once, as in Berth. */
const PART_BYTES = 8 * 1024 * 1024;
const PARTS_IN_FLIGHT = 2;

export default {
  async fetch(request, { BUCKET_URL }) {
    const object = BUCKET_URL + new URL(request.url).pathname;
    const created = await (await call(`${object}?uploads`, { method: 'POST' })).text();
    const uploadId = /<UploadId>(.*)<\/UploadId>/.exec(created)![1]!;
    const hash = createHash('sha256');
    const etags: string[] = [];
    const underWay = new Set<Promise<void>>();
    const idle = Array.from({ length: PARTS_IN_FLIGHT + 1 }, () => new ArrayBuffer(PART_BYTES));

    const send = async (number: number, part: Uint8Array<ArrayBuffer>) => {
      const answer = await call(`${object}?partNumber=${number}&uploadId=${uploadId}`, { method: 'PUT', body: part });
      etags[number - 1] = answer.headers.get('ETag')!;
      idle.push(part.buffer);
    };

    const reader = request.body!.getReader({ mode: 'byob' });
    for (let number = 1; ; number += 1) {
      while (underWay.size >= PARTS_IN_FLIGHT) await Promise.race(underWay);
      const { value } = await reader.readAtLeast(PART_BYTES, new Uint8Array(idle.pop()!));
      if (value === undefined || value.length === 0) break;
      hash.update(value);
      const sending: Promise<void> = send(number, value).finally(() => underWay.delete(sending));
      underWay.add(sending);
    }
    await Promise.all(underWay);
    const parts = etags.map((etag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${etag}</ETag></Part>`);
    const body = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
    await call(`${object}?uploadId=${uploadId}`, { method: 'POST', body });
    return new Response(null, { status: 201, headers: { 'Docker-Content-Digest': `sha256:${hash.digest('hex')}` } });
  },
} satisfies ExportedHandler<Bindings>;

async function call(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  if (!response.ok) throw new Error(`the storage answered ${response.status}: ${await response.text()}`);
  return response;
}
