import type { IncomingMessage } from 'node:http';
import { type CountedRequest, type CountingProxy, startCountingProxy } from './counting-proxy.ts';
import { type Fault, FaultCourse, type FaultPlan } from './fault-plan.ts';
import { beginAnswer, callUpstream, pass, type Passage, passBody } from './passing.ts';

export interface OpenedMultipart {
  readonly key: string;
  readonly multipartId: string;
}

/** A proxy in front of the storage, whose requests fail as planned. Without a plan it changes nothing. */
export interface FaultyProxy extends CountingProxy {
  /** Starts counting calls, and lets them fail as planned. */
  readonly arm: (plan: FaultPlan) => void;
  /** Ends the plan. Returns whether the planned call was made. */
  readonly disarm: () => boolean;
  /** The multipart uploads that were begun since the reset, and whose answers reached the client. */
  readonly multiparts: readonly OpenedMultipart[];
}

/** @param holdBackMs - how long a call is held back where no other is answered: long for concurrent calls, short for a test */
export async function startFaultyProxy(upstream: string, holdBackMs = 200): Promise<FaultyProxy> {
  const multiparts: OpenedMultipart[] = [];
  const held = new Set<() => void>();
  let course: FaultCourse | undefined;

  const handle = (arriving: Passage, counted: CountedRequest) => {
    const passage = counted.query.has('uploads') ? noting(arriving, counted, multiparts) : arriving;
    passage.outgoing.once('close', () => [...held].forEach((release) => release()));
    const fault = course?.faultOf(counted, String(passage.incoming.headers['amz-sdk-invocation-id']));
    if (fault === undefined) pass(passage);
    else if (fault === 'hold back') holdBack(passage, held, holdBackMs);
    else DOINGS[fault](passage);
  };

  const proxy = await startCountingProxy(upstream, { handle });
  return {
    ...proxy,
    multiparts,
    reset: () => {
      proxy.reset();
      multiparts.length = 0;
    },
    arm: (plan) => {
      course = new FaultCourse(plan);
    },
    disarm: () => {
      const wasReached = course?.wasReached ?? false;
      course = undefined;
      return wasReached;
    },
  };
}

function holdBack(passage: Passage, held: Set<() => void>, ms: number): void {
  const release = () => {
    clearTimeout(timer);
    if (held.delete(release)) pass(passage);
  };
  const timer = setTimeout(release, ms);
  held.add(release);
}

const DOINGS: Readonly<Record<Exclude<Fault, 'hold back'>, (passage: Passage) => void>> = {
  // https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
  refuse: (passage) => refuse(passage, 'application/xml', '<Error><Code>SlowDown</Code><Message>Slow down.</Message></Error>'),
  'be down': (passage) => refuse(passage, 'text/html', '<html><body>503 Service Unavailable</body></html>'),
  cut: (passage) => (Number(passage.incoming.headers['content-length'] ?? 0) > 0 ? cutRequest(passage) : cutAnswer(passage)),
  lose: (passage) => withWholeAnswer(passage, () => passage.outgoing.destroy()),
  stall: (passage) => withWholeAnswer(passage, () => undefined),
};

function refuse({ incoming, outgoing, watch }: Passage, type: string, body: string): void {
  incoming.resume();
  watch.answered(503);
  outgoing.writeHead(503, { 'Content-Type': type, Connection: 'close' }).end(incoming.method === 'HEAD' ? '' : body);
}

function cutRequest(passage: Passage): void {
  const { incoming, outgoing } = passage;
  const sending = callUpstream(passage, (answer) => answer.resume());
  let left = Math.floor(Number(incoming.headers['content-length']) / 2);
  incoming.on('data', (chunk: Buffer) => {
    passage.watch.sent(chunk);
    sending.write(chunk.subarray(0, left));
    left -= chunk.length;
    // Closed regularly, so that the data written so far arrives.
    if (left <= 0) sending.socket?.end(() => outgoing.destroy());
  });
}

function cutAnswer(passage: Passage): void {
  const { outgoing } = passage;
  withWholeAnswer(passage, (answer, body) => {
    const half = body.subarray(0, Math.floor(body.length / 2));
    if (half.length > 0) {
      beginAnswer(outgoing, answer);
      outgoing.write(half, () => outgoing.destroy());
    } else outgoing.destroy();
  });
}

function withWholeAnswer(passage: Passage, then: (answer: IncomingMessage, body: Buffer) => void): void {
  const sending = callUpstream(passage, (answer) => {
    void answer.toArray().then(
      (chunks) => then(answer, Buffer.concat(chunks as Buffer[])),
      () => passage.outgoing.destroy(),
    );
  });
  passBody(passage, sending);
}

/** Records the multipart upload of an answer, once the answer was sent. */
function noting(passage: Passage, { path }: CountedRequest, multiparts: OpenedMultipart[]): Passage {
  const { outgoing, watch } = passage;
  const key = decodeURIComponent(path).split('/').slice(2).join('/');
  let answer = '';
  outgoing.once('finish', () => {
    const multipartId = /<UploadId>(.+?)<\/UploadId>/.exec(answer)?.[1];
    if (multipartId !== undefined) multiparts.push({ key, multipartId });
  });
  const received = (chunk: Buffer) => {
    watch.received(chunk);
    answer += chunk.toString();
  };
  return { ...passage, watch: { ...watch, received } };
}
