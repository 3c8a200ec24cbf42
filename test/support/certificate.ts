import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './programs.ts';

export interface Certificate {
  /** Paths of PEM files. The certificate is self-signed. */
  readonly certificate: string;
  readonly key: string;
}

/**
 * Creates a certificate with openssl, valid for a day.
 * @param address - of the server
 */
export async function makeCertificate(folder: string, address: string): Promise<Certificate> {
  await mkdir(folder, { recursive: true });
  const [certificate, key] = [join(folder, 'registry.crt'), join(folder, 'registry.key')];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  const subject = ['-subj', '/CN=Berth test', '-addext', `subjectAltName=IP:${address}`];
  await run('openssl', ['req', ...kind, ...subject, '-keyout', key, '-out', certificate]);
  return { certificate, key };
}
