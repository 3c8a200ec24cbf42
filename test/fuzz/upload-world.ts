import { expect } from 'vitest';
import { bodyOf, digestOf, type RequestOptions, streamOf } from '../support/api-client.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { errorCode } from './requests.ts';
import { concatenated, isSending, type Place, type Sending, type Step, UploadModel } from './upload-model.ts';
import type { Body, Command, SendCommand, Spoil } from './upload-steps.ts';

const HOUR_MS = 3_600_000;
const UNITS_OF_A_PART = 8;
const IN_NO_BODY = new Uint8Array([255]);
const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
const REPOSITORIES = ['a', 'a/b'];

/** A place, and its Location. */
interface Known {
  readonly place: Place;
  location: string;
}

/** A registry whose parts are small, with the model beside it. */
export class UploadWorld {
  readonly #model = new UploadModel();
  readonly #registry;
  readonly #unitBytes: number;
  readonly #known: Known[] = [];
  /** All contents that a client tried to store, by digest. */
  readonly #contents = new Map<string, Uint8Array>();
  /** Each kind of answer to each kind of step. */
  readonly seen = new Set<string>();
  #nowMs = Date.UTC(2026, 0);

  constructor(unitBytes: number) {
    this.#unitBytes = unitBytes;
    this.#registry = memoryRegistry({}, { clock: () => new Date(this.#nowMs) }, UNITS_OF_A_PART * unitBytes);
  }

  async do(command: Command): Promise<void> {
    if (command.kind === 'begin') return this.#begin(command.repository, command.query);
    if (command.kind === 'mount') return this.#mount(command.repository, command.from, command.which);
    if (command.kind === 'delete') return this.#delete(command.repository, command.which);
    if (command.kind === 'whole') return this.#pushWhole(command.repository, this.#bytesOf(command.body), command.isWrong);
    if (command.kind === 'wait') return this.#wait();
    const known = this.#known.at(-1 - command.which) ?? this.#known.at(-1);
    if (known === undefined) return;
    const step = 'body' in command ? this.#sending(command, known.place) : { kind: command.kind };
    await (command.spoil === undefined ? this.#step(known, step) : this.#spoiledStep(known, step, command.spoil));
  }

  /** Checks the end: exactly the acknowledged blobs exist, and each multipart upload belongs to a session. */
  async expectClean(): Promise<void> {
    const { store, pool, registry } = this.#registry;
    await this.#expectBlobs();
    expect(pool.lentBytes).toBe(0);
    expect(store.openMultiparts).toBeLessThanOrEqual(this.#model.mostMultiparts);
    this.#nowMs += 200 * HOUR_MS;
    await registry.maintain();
    expect(store.openMultiparts).toBe(0);
    expect((await store.list({ prefix: 'uploads/' })).objects).toEqual([]);
    await this.#expectBlobs();
  }

  async #expectBlobs(): Promise<void> {
    for (const digest of this.#contents.keys())
      for (const repository of REPOSITORIES) {
        const response = await this.#registry.client.get(`/v2/${repository}/blobs/${digest}`);
        const expected = this.#model.blob(repository, digest);
        expect(response.status).toBe(expected === undefined ? 404 : 200);
        if (expected !== undefined) expect(Buffer.from(await bodyOf(response)).equals(expected)).toBe(true);
      }
  }

  async #begin(repository: string, query: string): Promise<void> {
    const { answer, location } = await this.#send('POST', `/v2/${repository}/blobs/uploads/${query}`);
    expect(answer).toBe('202');
    this.#known.push({ place: this.#model.begin(repository), location });
  }

  async #mount(repository: string, from: string, which: number): Promise<void> {
    const digest = [...this.#contents.keys()].at(-1 - which);
    if (digest === undefined) return;
    const { answer, location } = await this.#send('POST', `/v2/${repository}/blobs/uploads/?mount=${digest}&from=${from}`);
    const source = this.#model.blob(from, digest);
    expect(answer).toBe(source === undefined ? '202' : '201');
    if (source === undefined) this.#known.push({ place: this.#model.begin(repository), location });
    else this.#model.add(repository, digest, source);
  }

  async #delete(repository: string, which: number): Promise<void> {
    const digest = [...this.#contents.keys()].at(-1 - which);
    if (digest === undefined) return;
    const { answer } = await this.#send('DELETE', `/v2/${repository}/blobs/${digest}`);
    expect(answer).toBe(this.#model.delete(repository, digest) ? '202' : '404 BLOB_UNKNOWN');
  }

  async #pushWhole(repository: string, bytes: Uint8Array, isWrong: boolean): Promise<void> {
    const digest = this.#digestFor(bytes, isWrong ? 'wrong' : 'sha256');
    const { answer } = await this.#send('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, { body: bytes });
    expect(answer).toBe(isWrong ? '400 DIGEST_INVALID' : '201');
    if (!isWrong) this.#model.add(repository, digest, bytes);
  }

  /** Until every session has expired. */
  #wait(): void {
    this.#nowMs += 13 * HOUR_MS;
    this.#model.expireAll();
  }

  async #step(known: Known, step: Step): Promise<void> {
    const { place } = known;
    const { answer, location, headers } = await this.#sendStep(known.location, step);
    expect(this.#model.allowed(place, step), `${step.kind} at ${place.bytes.length}`).toContain(answer);
    this.seen.add(`${step.kind} ${answer}`);
    if (answer === '201' && isSending(step)) expect(location).toBe(`/v2/${place.session.repository}/blobs/${step.digest}`);
    const next = this.#model.learn(place, step, answer);
    if (next === undefined) return;
    expect(headers.get('Range')).toBe(`0-${Math.max(0, next.bytes.length - 1)}`);
    if (next === place) known.location = location;
    else this.#known.push({ place: next, location });
  }

  async #spoiledStep({ location }: Known, step: Step, spoil: Spoil): Promise<void> {
    const { answer } = await this.#sendStep(spoiled(location, spoil), step);
    const isBroken = isSending(step) && step.form.startsWith('broken');
    expect(['404 BLOB_UPLOAD_UNKNOWN', ...(isBroken ? ['499'] : [])], `with another ${spoil}`).toContain(answer);
  }

  #sendStep(location: string, step: Step) {
    if (!isSending(step)) return this.#send(step.kind === 'status' ? 'GET' : 'DELETE', location);
    const isLast = step.kind === 'finish';
    return this.#send(isLast ? 'PUT' : 'PATCH', isLast ? `${location}&digest=${step.digest}` : location, requestOf(step));
  }

  async #send(method: string, path: string, options: RequestOptions = {}) {
    const response = await this.#registry.client.request(method, path, options);
    const { status, headers } = response;
    const answer = status < 400 || status === 499 ? `${status}` : `${status} ${errorCode(response, await bodyOf(response))}`;
    const { pathname, search } = new URL(headers.get('Location') ?? '/', 'http://registry.test');
    return { answer, headers, location: pathname + search };
  }

  #sending({ kind, body, form, range, digest }: SendCommand, place: Place): Sending {
    const bytes = this.#bytesOf(body);
    const [first, last] = [place.bytes.length + (range?.first ?? 0), place.bytes.length + bytes.length - 1 + (range?.last ?? 0)];
    return {
      kind,
      body: bytes,
      // An empty body can't break off.
      form: bytes.length === 0 && form.startsWith('broken') ? 'stream' : form,
      // A range that ends before it begins is malformed; other tests check its answer.
      range: range === undefined || first < 0 || last < first ? undefined : { first, last },
      digest: this.#digestFor(concatenated(place.bytes, bytes), digest),
    };
  }

  #digestFor(bytes: Uint8Array, kind: SendCommand['digest']): string {
    const digest = digestOf(bytes, kind === 'sha512' ? 'sha512' : 'sha256');
    this.#contents.set(digest, bytes);
    return kind === 'wrong' ? digestOf(concatenated(bytes, IN_NO_BODY)) : digest;
  }

  /** Few contents, so that the same content is sent again. */
  #bytesOf({ size, fill }: Body): Uint8Array {
    return Uint8Array.from({ length: size * this.#unitBytes }, (_, index) => (fill + index) % 251);
  }
}

function requestOf({ body, form, range }: Sending): RequestOptions {
  const headers = {
    ...(range !== undefined && { 'Content-Range': `${range.first}-${range.last}` }),
    ...(form === 'broken with length' && { 'Content-Length': `${body.length}` }),
  };
  if (form === 'length') return { body, headers };
  if (form === 'stream') return { body: streamOf(body), headers };
  const half = Math.floor(body.length / 2);
  const pieces = [body.subarray(0, half), body.subarray(half)];
  return form === 'pieces' ? { body: streamOf(...pieces), headers } : { ...brokenOff(body.subarray(0, half)), headers };
}

/** The body of a client that leaves in the middle. */
function brokenOff(sent: Uint8Array): RequestOptions {
  const client = new AbortController();
  const body: ReadableStream<Uint8Array> = new ReadableStream({
    type: 'bytes',
    start: (controller) => void (sent.length > 0 && controller.enqueue(new Uint8Array(sent))),
    pull: (controller) => {
      client.abort();
      controller.error(new Error('gone'));
    },
  });
  return { body, signal: client.signal };
}

function spoiled(location: string, spoil: Spoil): string {
  if (spoil === 'repository') return location.replace(/^\/v2\/a(\/b)?\//, '/v2/other/');
  if (spoil === 'session') return location.replace(UUID, crypto.randomUUID());
  if (spoil === 'state') return location.replace(/.{9}$/, 'tampered!');
  return location.replace(/\?.*/, '?');
}
