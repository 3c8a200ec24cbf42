import { digestOf } from '../support/api-client.ts';
import type { Form } from './upload-steps.ts';

/** A `Location`, and how far the upload had come when the registry gave it out. */
export interface Place {
  readonly session: Session;
  readonly bytes: Uint8Array;
}

interface Session {
  readonly repository: string;
  /**
   * Where a step must succeed: where the session stands, last, and the place before, from which a client goes on whose
   * answer was lost. From other places a step may be refused.
   */
  good: readonly Place[];
  newest: Place | undefined;
  places: number;
  /** Whether every step began at the session's offset. */
  isLinear: boolean;
  isExpired: boolean;
  /** The last closing PUT; the client may send it again. */
  closed: { readonly place: Place; readonly bytes: Uint8Array; readonly isDone: boolean } | undefined;
  cancelledAt: Place | undefined;
  /** Whether a body broke off or was refused: its multipart upload may stay for the next request, which may not need it. */
  mayLeave: boolean;
}

/** A step that a client can take at a place. */
export type Step = { readonly kind: 'status' | 'cancel' } | Sending;

export interface Sending {
  readonly kind: 'append' | 'finish';
  readonly body: Uint8Array;
  readonly form: Form;
  readonly range: { readonly first: number; readonly last: number } | undefined;
  /** Of a closing PUT. */
  readonly digest: string;
}

/** The specification of uploads in a few lines: the answer at a valid place. */
function rightAnswer({ bytes }: Place, step: Step): string {
  if (!isSending(step)) return '204';
  const { kind, range, body, form, digest } = step;
  const hasLength = form === 'length' || form === 'broken with length';
  if (range !== undefined && range.first !== bytes.length) return OUT_OF_ORDER;
  const isAsLong = range === undefined || range.last - range.first + 1 === body.length;
  if (!isAsLong && (kind === 'append' || hasLength)) return '400 SIZE_INVALID';
  if (kind === 'append') return '202';
  return isDigestOf(concatenated(bytes, body), digest) ? '201' : WRONG_DIGEST;
}

const OUT_OF_ORDER = '416 BLOB_UPLOAD_INVALID';
const WRONG_DIGEST = '400 DIGEST_INVALID';
const UNKNOWN = '404 BLOB_UPLOAD_UNKNOWN';
/** The client has left; nobody reads the answer. */
const GONE = '499';

/** A model of the uploads of a registry: which answers are allowed, and which blobs they leave. */
export class UploadModel {
  readonly #sessions: Session[] = [];
  readonly #blobs = new Map<string, Uint8Array>();

  begin(repository: string): Place {
    const nothing = { newest: undefined, closed: undefined, cancelledAt: undefined };
    const session: Session = { repository, good: [], places: 0, isLinear: true, isExpired: false, mayLeave: false, ...nothing };
    this.#sessions.push(session);
    const begun = this.#placeOf(session, NO_BYTES);
    session.good = [begun];
    return begun;
  }

  /** All allowed answers. */
  allowed(place: Place, step: Step): readonly string[] {
    const { isExpired, good, cancelledAt } = place.session;
    const right = rightAnswer(place, step);
    const isBroken = isSending(step) && step.form.startsWith('broken');
    if (isExpired) return isBroken ? [UNKNOWN, GONE] : [UNKNOWN];
    // Invalid headers are refused before the body breaks off.
    if (good.includes(place)) return !isBroken ? [right] : right.startsWith('4') ? [right, GONE] : [GONE];
    if (!isBroken && this.#mustRepeat(place, step)) return ['201'];
    if (cancelledAt === place && !isSending(step)) return [UNKNOWN];
    return [right, UNKNOWN, ...(step.kind === 'finish' ? [WRONG_DIGEST] : []), ...(isBroken ? [GONE] : [])];
  }

  /** A closing PUT that is sent again: its answer was lost and the blob exists, or its digest was wrong. */
  #mustRepeat(place: Place, step: Step): boolean {
    const { closed, repository } = place.session;
    if (step.kind !== 'finish' || closed?.place !== place || rightAnswer(place, step) !== '201') return false;
    const isSame = Buffer.from(concatenated(place.bytes, step.body)).equals(closed.bytes);
    return isSame && (!closed.isDone || this.blob(repository, step.digest) !== undefined);
  }

  /** Notes an allowed answer. @returns the place that it gives, if any */
  learn(place: Place, step: Step, answer: string): Place | undefined {
    const { session } = place;
    if (answer === UNKNOWN) return undefined;
    if (step.kind === 'status' || answer === OUT_OF_ORDER) return place;
    const wasGood = session.good.includes(place);
    const wasNewest = place === session.newest;
    session.isLinear &&= wasNewest && wasGood;
    if (!isSending(step)) {
      Object.assign(session, { good: [], closed: undefined, cancelledAt: wasGood && wasNewest ? place : undefined });
      return undefined;
    }
    const bytes = concatenated(place.bytes, step.body);
    if (answer === '202') {
      // No byte came, so nothing has changed. But for an empty session no bytes are a whole blob.
      if (step.body.length === 0 && place.bytes.length > 0) return place;
      const next = this.#placeOf(session, bytes);
      Object.assign(session, { good: wasGood ? [place, next] : [], closed: undefined });
      return next;
    }
    const isDone = answer === '201';
    if (isDone) this.add(session.repository, step.digest, bytes);
    // The session was closed or continued elsewhere. The refusal does not say what it would accept next.
    const isClosed = isDone || (answer === WRONG_DIGEST && wasGood);
    if (isDone || answer === WRONG_DIGEST)
      Object.assign(session, { good: [], closed: isClosed ? { place, bytes, isDone } : undefined });
    // Bytes were stored at this place: those that another request sent there are lost.
    else {
      const good = !wasGood ? [] : wasNewest ? session.good : [place];
      Object.assign(session, { good, closed: undefined, mayLeave: true });
    }
    return undefined;
  }

  #placeOf(session: Session, bytes: Uint8Array): Place {
    session.places += 1;
    session.newest = { session, bytes };
    return session.newest;
  }

  /** How many unfinished multipart uploads may exist: for a session without repeated steps only its own. */
  get mostMultiparts(): number {
    const of = ({ isLinear, good, places, mayLeave }: Session) => (!isLinear ? places : good.length > 0 || mayLeave ? 1 : 0);
    return this.#sessions.reduce((sum, session) => sum + of(session), 0);
  }

  expireAll(): void {
    for (const session of this.#sessions) session.isExpired = true;
  }

  add(repository: string, digest: string, bytes: Uint8Array): void {
    this.#blobs.set(`${repository} ${digest}`, bytes);
  }

  blob(repository: string, digest: string): Uint8Array | undefined {
    return this.#blobs.get(`${repository} ${digest}`);
  }

  delete(repository: string, digest: string): boolean {
    return this.#blobs.delete(`${repository} ${digest}`);
  }
}

const NO_BYTES = new Uint8Array(0);

export function isSending(step: Step): step is Sending {
  return step.kind === 'append' || step.kind === 'finish';
}

export function concatenated(...pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}

function isDigestOf(bytes: Uint8Array, digest: string): boolean {
  return digestOf(bytes, digest.split(':')[0]) === digest;
}
