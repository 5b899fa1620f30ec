/** Reads and checks the PEM files of the TCP listeners. */
import { X509Certificate, createPrivateKey } from "node:crypto";
import { createSecureContext } from "node:tls";
import { readSmallFile } from "../../platform/files/small-file.ts";
import { SetupError } from "../../platform/errors.ts";

/** Paths of PEM files. */
export interface CertificateFiles {
  /** The certificate, followed by its intermediate certificates. */
  readonly certFile: string;
  readonly keyFile: string;
  /** If present, callers must present a certificate issued by one of these authorities. */
  readonly clientCaFile: string | undefined;
}

/** A checked set of certificates. */
export interface CertificateSet {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly clientCa: readonly string[] | undefined;
  /** When the certificate expires, in milliseconds since the Unix epoch. */
  readonly expiresAt: number;
}

/**
 * Reads a set of certificates. Rejects if a file cannot be read or parsed, the key does not belong
 * to the certificate, the certificate is not valid at `wallNow`, or a client CA is not an
 * authority. The error texts name files, never their contents.
 */
export async function readCertificates(
  files: CertificateFiles,
  wallNow: number,
): Promise<CertificateSet> {
  const { certFile, keyFile, clientCaFile } = files;
  const [cert, key, clientCa] = await Promise.all([
    readSmallFile(certFile),
    readSmallFile(keyFile),
    clientCaFile === undefined ? undefined : readSmallFile(clientCaFile).then(String),
  ]);
  const certificate = parsed(certFile, "certificate", () => new X509Certificate(cert));
  const privateKey = parsed(keyFile, "private key", () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new SetupError(`the key in ${keyFile} is not that of the certificate in ${certFile}`);
  }
  const expiresAt = Date.parse(certificate.validTo);
  // Negated so that an unparsable date, which is NaN, counts as invalid.
  if (!(Date.parse(certificate.validFrom) <= wallNow && wallNow < expiresAt)) {
    throw new SetupError(`the certificate in ${certFile} is not valid now`);
  }
  const authorities =
    clientCaFile === undefined ? undefined : authoritiesIn(clientCaFile, clientCa);
  // Finds other defects, such as a broken intermediate certificate, before a listener does.
  parsed(certFile, "certificate chain", () => createSecureContext({ cert, key }));
  return { cert, key, clientCa: authorities, expiresAt };
}

/**
 * The certificates in a client CA file. An empty list would select Node's public authorities, so
 * that anyone could obtain an accepted client certificate.
 */
function authoritiesIn(file: string, text: string | undefined): string[] {
  const blocks = text?.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new SetupError(`there is no certificate in ${file}`);
  for (const block of blocks) {
    const authority = parsed(file, "certificate", () => new X509Certificate(block));
    if (!authority.ca) throw new SetupError(`a certificate in ${file} is not that of an authority`);
  }
  return blocks;
}

function parsed<T>(file: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new SetupError(`there is no usable ${what} in ${file}`, { cause: error });
  }
}
