/** Reads the caller of a call from its connection: peer address and client certificate. */
import { trustDomainOf } from "../../access/spiffe-id.ts";
import { uriNames } from "../../access/subject-alt-name.ts";
import { sessionOf } from "../server/grpc-js.ts";

/** Caller information from the transport. */
export interface Peer {
  /** `address:port`, `unix`, or `unknown` if the connection was already gone. */
  readonly peer: string;
  /** The only URI name of the caller's verified certificate: a SPIFFE ID. */
  readonly certificateUri: string | undefined;
  /** Why the certificate does not identify the caller. */
  readonly certificateProblem: string | undefined;
  /**
   * The names of a certificate that does not identify the caller, as Node prints them
   * (`URI:spiffe://a/b, DNS:c`), or its common name. At most 1,000 characters, for the log only.
   */
  readonly refusedIdentity?: string | undefined;
}

/** The part of a grpc-js call that is read. */
export interface PeerCall {
  getPeer(): string;
  getAuthContext(): {
    readonly sslPeerCertificate?:
      | {
          readonly subjectaltname?: string | undefined;
          readonly subject?: { readonly CN?: unknown } | undefined;
        }
      | undefined;
  };
}

/** Options of `createPeerReader`. */
export interface PeerOptions {
  /** Whether TCP listeners require a client certificate. */
  readonly requiresClientCertificate: boolean;
  /** SPIFFE trust domains whose identities are accepted. An empty list accepts none. */
  readonly trustDomains: readonly string[];
}

type Identity = Omit<Peer, "peer">;

const unixPeer: Peer = {
  peer: "unix",
  certificateUri: undefined,
  certificateProblem: undefined,
};
const anonymous: Identity = { certificateUri: undefined, certificateProblem: undefined };
const problem = (certificateProblem: string): Identity => ({
  certificateUri: undefined,
  certificateProblem,
});

/** Longest identity in the log, in characters. */
const maxIdentityLength = 1_000;

/**
 * Creates the function that reads the caller of a call. Calls of a Unix listener are marked by
 * `markUnixCall`, because a broken TCP connection and a Unix socket look the same: neither has an
 * address.
 *
 * Reading the certificate from OpenSSL takes about 50 µs, so the identity is cached per connection.
 * The certificate of a connection cannot change: HTTP/2 forbids renegotiation and post-handshake
 * authentication (RFC 9113 section 9.2).
 */
export function createPeerReader(options: PeerOptions): (call: PeerCall) => Peer {
  const trustDomains = new Set(options.trustDomains);
  const known = new WeakMap<object, Identity>();

  const identify = (names: string): Identity => {
    const uris = uriNames(names);
    if (uris === undefined) return problem("the certificate's names cannot be read");
    const [uri] = uris;
    if (uri === undefined) return problem("the certificate has no URI name");
    if (uris.length > 1) return problem("the certificate has more than one URI name");
    const trustDomain = trustDomainOf(uri);
    if (trustDomain === undefined) return problem("the certificate's URI name is not a SPIFFE ID");
    if (!trustDomains.has(trustDomain)) {
      return problem("the certificate belongs to a trust domain that is not accepted");
    }
    return { certificateUri: uri, certificateProblem: undefined };
  };

  const identityOf = (call: PeerCall): Identity => {
    const session = sessionOf(call);
    const cached = session && known.get(session);
    if (cached !== undefined) return cached;
    const certificate = certificateOf(call);
    // The handshake rejects callers without a certificate, so the connection is gone.
    if (certificate === undefined) return problem("the connection has no client certificate");
    const names = certificate.subjectaltname ?? "";
    const found = identify(names);
    const identity =
      found.certificateProblem === undefined
        ? found
        : { ...found, refusedIdentity: shownName(names, certificate.subject?.CN) };
    if (session !== undefined) known.set(session, identity);
    return identity;
  };

  return (call) => {
    const peer = call.getPeer();
    if (peer === unixPeer.peer) return unixPeer;
    const identity = options.requiresClientCertificate ? identityOf(call) : anonymous;
    return { peer, ...identity };
  };
}

/** The alternative names, or the common name if there are none; `undefined` without any name. */
function shownName(names: string, commonName: unknown): string | undefined {
  if (names !== "") return names.slice(0, maxIdentityLength);
  return typeof commonName === "string"
    ? `CN:${commonName}`.slice(0, maxIdentityLength)
    : undefined;
}

type Certificate = NonNullable<ReturnType<PeerCall["getAuthContext"]>["sslPeerCertificate"]>;

/** The caller's certificate; `undefined` if it has none or the connection is gone. */
function certificateOf(call: PeerCall): Certificate | undefined {
  try {
    return call.getAuthContext().sslPeerCertificate;
  } catch {
    // For a destroyed socket Node returns `null` as certificate, and grpc-js reads its fields.
    return undefined;
  }
}
