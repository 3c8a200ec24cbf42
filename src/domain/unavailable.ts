/** Something that the registry depends on, and that is not the storage, can't be used now. For the log, never for a client. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
}
