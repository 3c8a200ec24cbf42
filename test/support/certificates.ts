/** Creates X.509 certificates (RFC 5280), valid and invalid ones, with the parts of DER (X.690) that they need. */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export interface Certified {
  readonly name: string;
  readonly privateKey: KeyObject;
  readonly pem: string;
  /** In the form of `x5c`. */
  readonly base64: string;
}

export interface CertificateOptions {
  /** Undefined: it is self-signed. */
  readonly issuer?: Pick<Certified, 'name' | 'privateKey'>;
  readonly isAuthority?: boolean;
  readonly privateKey?: KeyObject;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

const DAY_MS = 86_400_000;

export function makeCertificate(name: string, options: CertificateOptions = {}): Certified {
  const privateKey = options.privateKey ?? ecKey();
  const issuer = options.issuer ?? { name, privateKey };
  const algorithm = sequence(...(issuer.privateKey.asymmetricKeyType === 'ec' ? [ECDSA_WITH_SHA256] : [RSA_WITH_SHA256, NULL]));
  const validity = sequence(
    time(options.notBefore ?? new Date(Date.now() - DAY_MS)),
    time(options.notAfter ?? new Date(Date.now() + DAY_MS)),
  );
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const extensions = options.isAuthority ? [element(0xa3, sequence(AUTHORITY))] : [];
  const serial = element(0x02, Buffer.from([1 + Math.floor(Math.random() * 100)]));
  const body = sequence(VERSION_3, serial, algorithm, nameOf(issuer.name), validity, nameOf(name), spki, ...extensions);
  const der = sequence(body, algorithm, bits(sign('sha256', body, issuer.privateKey)));
  const base64 = der.toString('base64');
  return { name, privateKey, base64, pem: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n` };
}

export const ecKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
export const rsaKey = (modulusLength = 2048) => generateKeyPairSync('rsa', { modulusLength }).privateKey;

function element(tag: number, ...content: Buffer[]): Buffer {
  const bytes = Buffer.concat(content);
  // workerd accepts only the shortest form of a length.
  const size = bytes.length < 128 ? [] : bytes.length < 256 ? [0x81] : [0x82, bytes.length >> 8];
  const length = [...size, bytes.length & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), bytes]);
}

const sequence = (...content: Buffer[]) => element(0x30, ...content);
const object = (hex: string) => element(0x06, Buffer.from(hex, 'hex'));
const bits = (content: Buffer) => element(0x03, Buffer.from([0]), content);
const octets = (content: Buffer) => element(0x04, content);
/** UTCTime, for years up to 2049. */
const time = (date: Date) =>
  element(
    0x17,
    Buffer.from(
      date
        .toISOString()
        .slice(2)
        .replaceAll(/[-:T]|\.\d+/g, ''),
    ),
  );
const nameOf = (common: string) => sequence(element(0x31, sequence(object('550403'), element(0x0c, Buffer.from(common)))));

const NULL = element(0x05);
const TRUE = element(0x01, Buffer.from([255]));
const VERSION_3 = element(0xa0, element(0x02, Buffer.from([2])));
const RSA_WITH_SHA256 = object('2a864886f70d01010b');
const ECDSA_WITH_SHA256 = object('2a8648ce3d040302');
/** The critical extension basicConstraints, for an authority. */
const AUTHORITY = sequence(object('551d13'), TRUE, octets(sequence(TRUE)));
