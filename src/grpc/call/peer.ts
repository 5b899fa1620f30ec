/** Who is at the other end of a connection, as far as the transport says. */
import { trustDomainOf } from "../../access/spiffe-id.ts";
import { uriNames } from "../../access/subject-alt-name.ts";

/** What the transport says about a caller. */
export interface Peer {
  /** `address:port`, `unix`, or `unknown` if the connection was gone before it could be asked. */
  readonly peer: string;
  /** The one URI name of the caller's verified certificate: a SPIFFE ID. */
  readonly certificateUri: string | undefined;
  /** Why the certificate does not identify the caller. */
  readonly certificateProblem: string | undefined;
}

/** What is needed of a grpc-js call. */
export interface PeerCall {
  getPeer(): string;
  getAuthContext(): {
    readonly sslPeerCertificate?: { readonly subjectaltname?: string | undefined } | undefined;
  };
}

/** What the listeners ask of callers. */
export interface PeerOptions {
  /** Whether TCP listeners demand a client certificate. */
  readonly requiresClientCertificate: boolean;
  /** SPIFFE trust domains whose identities are accepted. With an empty list nobody is. */
  readonly trustDomains: readonly string[];
}

type Identity = Omit<Peer, "peer">;

const unixPeer: Peer = {
  peer: "unix",
  certificateUri: undefined,
  certificateProblem: undefined,
};
const nobody: Identity = { certificateUri: undefined, certificateProblem: undefined };
const problem = (certificateProblem: string): Identity => ({
  certificateUri: undefined,
  certificateProblem,
});

/**
 * The function that tells who made a call. A listener on a Unix socket marks its calls itself (`listen.ts`), since a TCP
 * connection that broke looks the same as a Unix socket: neither has an address.
 *
 * Asking OpenSSL for the certificate takes some 50 µs, so the answer is kept for the life of the connection: the
 * certificate of a connection cannot change, HTTP/2 forbids renegotiation and post-handshake authentication (RFC 9113
 * section 9.2).
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
    if (!options.requiresClientCertificate) return nobody;
    const connection = connectionOf(call);
    const cached = connection && known.get(connection);
    if (cached !== undefined) return cached;
    const names = certificateNames(call);
    // The handshake refuses callers without a certificate: there is none only if the connection is gone by now.
    if (names === undefined) return problem("the connection has no client certificate");
    const identity = identify(names);
    if (connection !== undefined) known.set(connection, identity);
    return identity;
  };

  return (call) => {
    const peer = call.getPeer();
    if (peer === unixPeer.peer) return unixPeer;
    const { certificateUri, certificateProblem } = identityOf(call);
    return { peer, certificateUri, certificateProblem };
  };
}

/** The alternative names of the client certificate; `undefined` if the connection has none or is gone. */
function certificateNames(call: PeerCall): string | undefined {
  try {
    const { sslPeerCertificate } = call.getAuthContext();
    return sslPeerCertificate && (sslPeerCertificate.subjectaltname ?? "");
  } catch {
    // grpc-js reads fields of the `null` that Node gives for the certificate of a socket that has just been destroyed.
    return undefined;
  }
}

/**
 * The HTTP/2 session that carries a call, which grpc-js keeps in private fields: the call's `call`, through the `nextCall` of
 * interceptors, to the `stream` of the innermost. Only a key for a cache: if a release of grpc-js moves the fields, or the
 * stream is closed, the answer is `undefined` and the certificate is read anew.
 */
function connectionOf(call: PeerCall): object | undefined {
  let inner: unknown = Reflect.get(call, "call");
  while (isObject(inner)) {
    const stream: unknown = Reflect.get(inner, "stream");
    if (isObject(stream)) {
      const session: unknown = Reflect.get(stream, "session");
      return isObject(session) ? session : undefined;
    }
    inner = Reflect.get(inner, "nextCall");
  }
  return undefined;
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
