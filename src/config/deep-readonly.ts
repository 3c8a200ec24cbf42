/**
 * Plain objects and lists with read-only fields, all the way down. Elements of lists, and values that a parser makes of one
 * setting, keep the parser's type.
 */
export type DeepReadonly<T> = T extends readonly (infer E)[]
  ? readonly E[]
  : T extends Readonly<Record<string, unknown>>
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;
