/** A request in the registry's access log. */
export interface LoggedRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly status: number;
}

/** All requests in the output of a registry, in the order of their answers. */
export function requestsIn(output: string): LoggedRequest[] {
  const lines = output.split('\n').filter((line) => line.startsWith('{') && line.includes('"msg":"request"'));
  return lines.map((line) => JSON.parse(line) as LoggedRequest);
}
