import { createHash, hkdfSync } from 'node:crypto';

export interface NamedKey {
  readonly id: string;
  readonly key: Uint8Array;
}

/** Keys of 256 bits for one purpose, derived (HKDF, RFC 5869) from the registry's secrets, so that these can be rotated. */
export class KeyRing {
  readonly #secrets: () => Promise<readonly string[]>;
  readonly #purpose: string;
  #keys: readonly NamedKey[] | undefined;

  /** @param secrets - the first makes, all are accepted */
  constructor(secrets: () => Promise<readonly string[]>, purpose: string) {
    this.#secrets = secrets;
    this.#purpose = purpose;
  }

  async first(): Promise<NamedKey> {
    return (await this.#open())[0]!;
  }

  async find(id: string | undefined): Promise<Uint8Array | undefined> {
    return (await this.#open()).find((each) => each.id === id)?.key;
  }

  async #open(): Promise<readonly NamedKey[]> {
    this.#keys ??= (await this.#secrets()).map((secret) => {
      const key = new Uint8Array(hkdfSync('sha256', secret, '', this.#purpose, 32));
      return { id: createHash('sha256').update(key).digest('base64url').slice(0, 8), key };
    });
    return this.#keys;
  }
}
