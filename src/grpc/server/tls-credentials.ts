/**
 * TLS of the TCP listeners, with certificates that can be replaced while the server listens. The
 * file watcher of grpc-js is not used: after one failed read it leaves the listener without
 * credentials, and its updates drop the configured TLS version and ciphers.
 */
import { ServerCredentials } from "@grpc/grpc-js";
import type { SecureContextOptions } from "node:tls";
import type { CertificateSet } from "./certificates.ts";

/** The certificates of all TCP listeners. */
export interface Certificates {
  /**
   * Argument of `Server.bindAsync`. With a client CA, the handshake rejects callers without a
   * certificate issued by it.
   */
  readonly credentials: ServerCredentials;
  /** When the certificate in use expires, in milliseconds since the Unix epoch. */
  readonly expiresAt: number;
  /**
   * Replaces the certificates. The new ones apply to new connections; open connections continue. A
   * set with a client CA can only replace one with a client CA, and one without only one without.
   */
  replace(set: CertificateSet): void;
}

/**
 * AEAD suites with forward secrecy. HTTP/2 forbids the other TLS 1.2 suites (RFC 9113 appendix A),
 * and clients may close a connection that uses one.
 */
const ciphers = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** Handshake time-out. An unfinished handshake would delay a shutdown. */
const handshakeTimeoutMs = 10_000;

/** Creates the TLS of listeners from the first set of certificates. */
export function createCertificates(first: CertificateSet): Certificates {
  let current = first;
  const asksClients = first.clientCa !== undefined;
  const credentials = new ReplaceableCredentials(contextOf(first), asksClients);
  return {
    credentials,
    get expiresAt() {
      return current.expiresAt;
    },
    replace(set) {
      // Without this, callers would be asked for no certificate, or for one of any authority.
      if ((set.clientCa !== undefined) !== asksClients) {
        throw new Error(
          "whether callers show a certificate cannot change while the server listens",
        );
      }
      credentials.replace(contextOf(set));
      current = set;
    },
  };
}

/** All options of a secure context. Node resets options that are left out to their defaults. */
const contextOf = (set: CertificateSet): SecureContextOptions => ({
  cert: set.cert,
  key: set.key,
  ...(set.clientCa && { ca: [...set.clientCa] }),
  minVersion: "TLSv1.2",
  ciphers,
});

/** Server credentials whose certificates can be replaced while the server listens. */
class ReplaceableCredentials extends ServerCredentials {
  constructor(context: SecureContextOptions, requiresClientCertificate: boolean) {
    super(
      {
        requestCert: requiresClientCertificate,
        rejectUnauthorized: requiresClientCertificate,
        handshakeTimeout: handshakeTimeoutMs,
      },
      context,
    );
  }

  replace(context: SecureContextOptions): void {
    this.updateSecureContextOptions(context);
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}
