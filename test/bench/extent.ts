/** How much a benchmark run measures. */
export interface Extent {
  readonly layerMib: number;
  readonly pushRounds: number;
  readonly pullRounds: number;
  readonly manifestRounds: number;
  /** For one side in one round. */
  readonly manifestSeconds: number;
  readonly authRounds: number;
  /** For one side in one round. */
  readonly authRequests: number;
  /** At each delay. */
  readonly imageRounds: number;
  /** Of the bucket in which garbage is collected. */
  readonly repositories: number;
}

/** Takes forty minutes on two idle cores. */
export const FULL: Extent = {
  layerMib: 256,
  pushRounds: 14,
  pullRounds: 20,
  manifestRounds: 6,
  manifestSeconds: 2,
  authRounds: 8,
  authRequests: 3000,
  imageRounds: 5,
  repositories: 1000,
};

/** Takes four minutes, for a first impression. */
export const SHORT: Extent = {
  layerMib: 128,
  pushRounds: 4,
  pullRounds: 6,
  manifestRounds: 2,
  manifestSeconds: 1,
  authRounds: 2,
  authRequests: 1000,
  imageRounds: 1,
  repositories: 30,
};
