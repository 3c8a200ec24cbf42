/**
 * What can become of a request to the storage:
 * - refuse: 503 SlowDown, as S3 says it, and the storage hears nothing of it
 * - be down: 503, as a gateway before a storage that is down says it
 * - cut: both connections end in the middle of the body, the request's or, where that has none, the answer's
 * - lose: the storage does what is asked, and the connection ends without an answer
 * - stall: the same, but the connection stays, and nothing comes
 * - hold back: it goes on only when another one has been answered, should there be one soon
 */
export type Fault = 'refuse' | 'be down' | 'cut' | 'lose' | 'stall' | 'hold back';

export type FaultPlan = { readonly fault: Fault } & (NthCall | AnyTry);

interface NthCall {
  /** From 1 on; all tries of a call count as one. */
  readonly at: number;
  /** Its first try; all its tries; or that call and every one after it. */
  readonly extent: 'try' | 'call' | 'onwards';
}

interface AnyTry {
  /** Asked of each try. */
  readonly where: (request: SeenRequest) => boolean;
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
}

/** Follows the requests of one client of the storage, and says which of them go wrong. */
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
