/** Calls of the upload API, in any order and with any errors. */
import fc from 'fast-check';

/** Which of the known places, counted back from the newest. */
type Which = number;

export type Command =
  | { readonly kind: 'begin'; readonly repository: string; readonly query: string }
  | { readonly kind: 'mount'; readonly repository: string; readonly from: string; readonly which: Which }
  | { readonly kind: 'delete'; readonly repository: string; readonly which: Which }
  | { readonly kind: 'whole'; readonly repository: string; readonly body: Body; readonly isWrong: boolean }
  | { readonly kind: 'status' | 'cancel'; readonly which: Which; readonly spoil: Spoil }
  | SendCommand
  | { readonly kind: 'wait' };

export interface SendCommand {
  readonly kind: 'append' | 'finish';
  readonly which: Which;
  readonly spoil: Spoil;
  readonly body: Body;
  readonly form: Form;
  /** The error of Content-Range, in bytes; undefined for no header. */
  readonly range: { readonly first: number; readonly last: number } | undefined;
  readonly digest: 'sha256' | 'sha512' | 'wrong';
}

/** How a body is sent: with or without its length, whole or cut off. */
export type Form = 'length' | 'stream' | 'pieces' | 'broken' | 'broken with length';

export interface Body {
  /** In units, of which eight make a part. */
  readonly size: number;
  readonly fill: number;
}

/** What is wrong with the Location; mostly it is valid. */
export type Spoil = 'repository' | 'session' | 'state' | 'no state' | undefined;

const repository = fc.constantFrom('a', 'a', 'a/b');
const which = fc.oneof(
  { arbitrary: fc.constant(0), weight: 14 },
  { arbitrary: fc.constant(1), weight: 3 },
  { arbitrary: fc.nat(8), weight: 2 },
);
const spoil = fc.oneof(
  { arbitrary: fc.constant(undefined), weight: 20 },
  fc.constantFrom('repository' as const, 'session' as const, 'state' as const, 'no state' as const),
);
const body = fc.record({ size: fc.oneof(fc.constantFrom(0, 1, 7, 8, 9, 16), fc.nat(30)), fill: fc.nat(2) });
const slip = fc.oneof({ arbitrary: fc.constant(0), weight: 3 }, fc.integer({ min: -3, max: 3 }));
const sending = {
  which,
  spoil,
  form: fc.constantFrom<Form[]>('length', 'length', 'stream', 'stream', 'pieces', 'broken', 'broken with length'),
  range: fc.option(fc.record({ first: slip, last: slip }), { nil: undefined, freq: 2 }),
  digest: fc.constantFrom('sha256' as const, 'sha256' as const, 'sha256' as const, 'sha512' as const, 'wrong' as const),
};
const lastBody = fc.oneof(fc.constant({ size: 0, fill: 0 }), body);

const of = (weight: number, kinds: readonly Command['kind'][], rest: Record<string, fc.Arbitrary<unknown>>) => ({
  arbitrary: fc.tuple(fc.constantFrom(...kinds), fc.record(rest)).map(([kind, each]) => ({ kind, ...each }) as Command),
  weight,
});

const command: fc.Arbitrary<Command> = fc.oneof(
  of(4, ['begin'], { repository, query: fc.constantFrom('', '?digest-algorithm=sha512') }),
  of(12, ['append'], { ...sending, body }),
  of(8, ['finish'], { ...sending, body: lastBody }),
  of(5, ['status', 'cancel'], { which, spoil }),
  of(1, ['mount'], { repository, from: repository, which }),
  of(1, ['delete'], { repository, which }),
  of(1, ['whole'], { repository, body, isWrong: fc.boolean() }),
  of(1, ['wait'], {}),
);

export const commands = fc.array(command, { minLength: 1, maxLength: 25, size: 'max' });
