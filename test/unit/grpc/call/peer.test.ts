import { expect, test } from "vitest";
import { createPeerReader } from "../../../../src/grpc/call/peer.ts";
import type { PeerCall } from "../../../../src/grpc/call/peer.ts";

const options = { requiresClientCertificate: true, trustDomains: ["prod.example"] };
const api = "spiffe://prod.example/ns/a";

/** The part of a grpc-js call that the reader uses. */
class FakeCall implements PeerCall {
  readonly call: unknown;
  asked = 0;
  readonly #peer: string;
  readonly #names: string | null | undefined;

  constructor(peer: string, names: string | null | undefined, call: unknown) {
    this.#peer = peer;
    this.#names = names;
    this.call = call;
  }

  getPeer(): string {
    return this.#peer;
  }

  getAuthContext(): ReturnType<PeerCall["getAuthContext"]> {
    this.asked += 1;
    if (this.#names === null) throw new TypeError("Cannot read properties of null (reading 'raw')");
    if (this.#names === undefined) return {};
    return { sslPeerCertificate: { subjectaltname: this.#names } };
  }
}

const on = (session: object | undefined, depth = 0): unknown => {
  let call: unknown = { stream: { session } };
  for (let wrapped = 0; wrapped < depth; wrapped += 1) call = { nextCall: call };
  return call;
};

test.each([0, 1, 3])(
  "the certificate of a connection behind %d interceptors is read once",
  (depth) => {
    const peerOf = createPeerReader(options);
    const session = {};
    const calls = [1, 2, 3].map(() => new FakeCall("10.0.0.1:1", `URI:${api}`, on(session, depth)));

    expect(calls.map((call) => peerOf(call).certificateUri)).toEqual([api, api, api]);
    expect(calls.map((call) => call.asked)).toEqual([1, 0, 0]);
  },
);

test("a new connection from the same address and port does not inherit an identity", () => {
  const peerOf = createPeerReader(options);
  peerOf(new FakeCall("10.0.0.1:1", `URI:${api}`, on({})));
  const other = "spiffe://prod.example/ns/b";

  expect(peerOf(new FakeCall("10.0.0.1:1", `URI:${other}`, on({}))).certificateUri).toBe(other);
});

test.each([
  ["no call", undefined],
  ["no stream", {}],
  ["no session", on(undefined)],
  ["something else", "call"],
])(
  "with %s in the private fields the certificate is read for every call, correctly",
  (_what, inner) => {
    const peerOf = createPeerReader(options);
    const calls = [1, 2].map(() => new FakeCall("10.0.0.1:1", `URI:${api}`, inner));

    expect(calls.map((call) => peerOf(call).certificateUri)).toEqual([api, api]);
    expect(calls.map((call) => call.asked)).toEqual([1, 1]);
  },
);

test.each([
  ["gone", undefined],
  ["just being destroyed", null],
])(
  "a connection that is %s identifies no caller and does not count as a Unix socket",
  (_what, names) => {
    const peerOf = createPeerReader(options);
    const session = {};

    expect(peerOf(new FakeCall("unknown", names, on(session)))).toEqual({
      peer: "unknown",
      certificateUri: undefined,
      certificateProblem: "the connection has no client certificate",
    });
    expect(peerOf(new FakeCall("10.0.0.1:1", `URI:${api}`, on(session))).certificateUri).toBe(api);
  },
);

test("a caller on a Unix socket needs no certificate even if TCP callers do", () => {
  const call = new FakeCall("unix", undefined, on({}));

  expect(createPeerReader(options)(call)).toEqual({
    peer: "unix",
    certificateUri: undefined,
    certificateProblem: undefined,
  });
  expect(call.asked).toBe(0);
});

test("without client certificates no certificate is read", () => {
  const call = new FakeCall("10.0.0.1:1", `URI:${api}`, on({}));
  const peerOf = createPeerReader({ requiresClientCertificate: false, trustDomains: [] });

  expect(peerOf(call)).toEqual({
    peer: "10.0.0.1:1",
    certificateUri: undefined,
    certificateProblem: undefined,
  });
  expect(call.asked).toBe(0);
});

test("certificate names that cannot be parsed identify no caller", () => {
  const call = new FakeCall("10.0.0.1:1", `URI:${api}, "`, on({}));

  expect(createPeerReader(options)(call).certificateProblem).toBe(
    "the certificate's names cannot be read",
  );
});
