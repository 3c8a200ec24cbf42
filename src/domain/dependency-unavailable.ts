/** A dependency other than the storage can't be used now. Clients get 503; the message goes only to the log. */
export class DependencyUnavailable extends Error {
  override readonly name = 'DependencyUnavailable';
}
