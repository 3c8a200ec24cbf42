/**
 * Faults of a request to the storage:
 * - refuse: 503 SlowDown, as from S3; the storage does not get the request
 * - be down: 503, as from a gateway in front of a storage that is down
 * - cut: both connections end in the middle of the request's body, or of the answer's where the request has none
 * - lose: the storage does its work, and the connection ends without an answer
 * - stall: the same, but the connection stays open without an answer
 * - hold back: the request is passed on only after the answer to another one, if another one comes soon
 */
export type Fault = 'refuse' | 'be down' | 'cut' | 'lose' | 'stall' | 'hold back';

export type FaultPlan = { readonly fault: Fault } & (NthCall | AnyTry);

interface NthCall {
  /** The first call is 1. All tries of a call count as one. */
  readonly at: number;
  /** The first try of the call; all its tries; or all tries of this and every later call. */
  readonly extent: 'try' | 'call' | 'onwards';
}

interface AnyTry {
  /** Whether a try fails. */
  readonly where: (request: SeenRequest) => boolean;
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
}

/** Counts the requests of one client of the storage, and decides which of them fail. */
export class FaultCourse {
  readonly #plan: FaultPlan;
  readonly #calls: string[] = [];
  #wasReached = false;

  constructor(plan: FaultPlan) {
    this.#plan = plan;
  }

  get wasReached(): boolean {
    return this.#wasReached;
  }

  /** @param call - the same for each try of a call */
  faultOf(request: SeenRequest, call: string): Fault | undefined {
    const isMeant = 'where' in this.#plan ? this.#plan.where(request) : this.#isMeant(this.#plan, call);
    this.#wasReached ||= isMeant;
    return isMeant ? this.#plan.fault : undefined;
  }

  #isMeant({ at, extent }: NthCall, call: string): boolean {
    const isFirstTry = !this.#calls.includes(call);
    if (isFirstTry) this.#calls.push(call);
    const number = this.#calls.indexOf(call) + 1;
    if (extent === 'onwards') return number >= at;
    return number === at && (isFirstTry || extent === 'call');
  }
}
