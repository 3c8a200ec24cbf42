/** How much is measured. */
export interface Extent {
  readonly layerMib: number;
  readonly pushRounds: number;
  readonly pullRounds: number;
  readonly manifestRounds: number;
  /** Of one side in one round. */
  readonly manifestSeconds: number;
  /** At each delay. */
  readonly imageRounds: number;
}

/** Seven minutes on two cores. */
export const FULL: Extent = {
  layerMib: 512,
  pushRounds: 7,
  pullRounds: 15,
  manifestRounds: 5,
  manifestSeconds: 2,
  imageRounds: 4,
};

/** Two minutes, for a first look. */
export const SHORT: Extent = {
  layerMib: 128,
  pushRounds: 3,
  pullRounds: 5,
  manifestRounds: 2,
  manifestSeconds: 1,
  imageRounds: 1,
};
