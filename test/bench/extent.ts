/** How much is measured. */
export interface Extent {
  readonly layerMib: number;
  readonly pushRounds: number;
  readonly pullRounds: number;
  readonly manifestRounds: number;
  /** Of one side in one round. */
  readonly manifestSeconds: number;
  readonly authRounds: number;
  /** Of one side in one round. */
  readonly authRequests: number;
  /** At each delay. */
  readonly imageRounds: number;
  /** Of the bucket in which garbage is collected. */
  readonly repositories: number;
}

/** Forty minutes on two cores that do nothing else. */
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

/** Four minutes, for a first look. */
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
