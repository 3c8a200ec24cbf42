/** Something other than the storage that the registry depends on can't be used now. Clients get 503; the message goes to the log. */
export class DependencyUnavailable extends Error {
  override readonly name = 'DependencyUnavailable';
}
