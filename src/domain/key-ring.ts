import { createHash, hkdfSync } from 'node:crypto';

export interface NamedKey {
  readonly id: string;
  readonly key: Uint8Array;
}

export interface KeyRingOptions {
  /** The first secret is for new tokens and seals. Those of the others are still accepted, so that secrets can be rotated. */
  readonly secrets: () => Promise<readonly string[]>;
  /** Each purpose has its own keys. */
  readonly purpose: string;
}

/** Keys of 256 bits for one purpose, derived from the registry's secrets (HKDF, RFC 5869). */
export class KeyRing {
  readonly #options: KeyRingOptions;
  #keys: readonly NamedKey[] | undefined;

  constructor(options: KeyRingOptions) {
    this.#options = options;
  }

  /** The key for new tokens and seals. */
  async first(): Promise<NamedKey> {
    return (await this.#derive())[0]!;
  }

  async find(id: string | undefined): Promise<Uint8Array | undefined> {
    return (await this.#derive()).find((each) => each.id === id)?.key;
  }

  async #derive(): Promise<readonly NamedKey[]> {
    const { secrets, purpose } = this.#options;
    this.#keys ??= (await secrets()).map((secret) => {
      const key = new Uint8Array(hkdfSync('sha256', secret, '', purpose, 32));
      return { id: createHash('sha256').update(key).digest('base64url').slice(0, 8), key };
    });
    return this.#keys;
  }
}
