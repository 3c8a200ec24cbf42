/** The progress of work in stages: the stage, and the last key that is finished; undefined at the beginning of the stage. */
export interface Position<Stage extends string> {
  readonly stage: Stage;
  readonly key: string | undefined;
}
