/** Checks of PEM texts: server certificates with their keys, and authorities. */
import { X509Certificate, createPrivateKey } from "node:crypto";
import { createSecureContext } from "node:tls";
import { SetupError } from "../errors.ts";

/** The contents of a PEM file, and the name under which error texts mention it. */
export interface PemFile {
  readonly name: string;
  readonly text: string | Buffer;
}

/** The PEM files of a TLS server. */
export interface ServerPem {
  /** The certificate, followed by its intermediate certificates. */
  readonly cert: PemFile;
  readonly key: PemFile;
  /** Authorities of client certificates; absent: clients present none. */
  readonly clientCa: PemFile | undefined;
}

/** Facts about checked files. */
export interface ServerPemFacts {
  readonly clientCa: readonly string[] | undefined;
  /** When the certificate expires, in milliseconds since the Unix epoch. */
  readonly expiresAt: number;
}

/** A PEM file that cannot be used. The text names the file, never its contents. */
export class PemError extends SetupError {
  /** The file at fault. */
  readonly file: keyof ServerPem;

  constructor(file: keyof ServerPem, message: string, cause?: unknown) {
    super(message, { cause });
    this.file = file;
  }
}

/**
 * Checks the files of a TLS server. Throws a `PemError` if one cannot be parsed, the key does not
 * belong to the certificate, the certificate is not valid at `wallNow`, or a client CA is not an
 * authority.
 */
export function checkServerPem(files: ServerPem, wallNow: number): ServerPemFacts {
  const { cert, key } = files;
  const certificate = parsed(files, "cert", "certificate", () => new X509Certificate(cert.text));
  const privateKey = parsed(files, "key", "private key", () => createPrivateKey(key.text));
  if (!certificate.checkPrivateKey(privateKey)) {
    const text = `the key in ${key.name} is not that of the certificate in ${cert.name}`;
    throw new PemError("key", text);
  }
  const expiresAt = Date.parse(certificate.validTo);
  // Negated so that an unparsable date, which is NaN, counts as invalid.
  if (!(Date.parse(certificate.validFrom) <= wallNow && wallNow < expiresAt)) {
    throw new PemError("cert", `the certificate in ${cert.name} is not valid now`);
  }
  const clientCa = files.clientCa && authoritiesIn(files, files.clientCa);
  // Finds other defects, such as a broken intermediate certificate, before a listener does.
  parsed(files, "cert", "certificate chain", () =>
    createSecureContext({ cert: cert.text, key: key.text }),
  );
  return { clientCa, expiresAt };
}

/** The certificates in a PEM text, each as PEM. */
const certificatesIn = (text: string): readonly string[] =>
  text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];

/**
 * The certificates in a client CA file. An empty list would select Node's public authorities, so
 * that anyone could obtain an accepted client certificate.
 */
function authoritiesIn(files: ServerPem, { name, text }: PemFile): readonly string[] {
  const blocks = certificatesIn(text.toString());
  if (blocks.length === 0) throw new PemError("clientCa", `there is no certificate in ${name}`);
  for (const block of blocks) {
    const authority = parsed(files, "clientCa", "certificate", () => new X509Certificate(block));
    if (!authority.ca) {
      const fault = `a certificate in ${name} is not that of an authority`;
      throw new PemError("clientCa", fault);
    }
  }
  return blocks;
}

function parsed<T>(files: ServerPem, file: keyof ServerPem, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const text = `there is no usable ${what} in ${files[file]?.name}`;
    throw new PemError(file, text, error);
  }
}

/**
 * When each certificate of a PEM text ends, in milliseconds since the Unix epoch. Empty if one
 * cannot be parsed.
 */
export function certificateEnds(text: string): readonly number[] {
  try {
    return certificatesIn(text).map((block) => Date.parse(new X509Certificate(block).validTo));
  } catch {
    return [];
  }
}

/**
 * Whether a text contains certificates that servers can be checked against. With anything else
 * Node trusts no server, without a word.
 */
export function hasTrustedCertificates(text: string): boolean {
  try {
    return certificatesIn(text).map((block) => new X509Certificate(block)).length > 0;
  } catch {
    return false;
  }
}
