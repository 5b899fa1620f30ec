/** The log says who was refused, and why. */
import { credentials, type ChannelCredentials } from "@grpc/grpc-js";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KeysServiceClient } from "../../src/gen/keyprotect/v1/keys_service.ts";
import {
  createCertificateAuthority,
  type CertificateRequest,
  type IssuedCertificate,
} from "../support/certificates.ts";
import { eventually } from "../support/eventually.ts";
import { startTestGateway, type Failure, type TestGateway } from "../support/start-gateway.ts";

const authority = createCertificateAuthority();
const stranger = createCertificateAuthority("somebody else");
const server = authority.issue({ ipAddresses: ["127.0.0.1"] });
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gateway-refused-"));
  await writeFile(join(folder, "tls.crt"), server.cert);
  await writeFile(join(folder, "tls.key"), server.key);
  await writeFile(join(folder, "ca.crt"), authority.cert);
});
afterAll(() => rm(folder, { recursive: true }));

/** A gateway with mutual TLS. */
function startMutual(): Promise<TestGateway> {
  const paths = ["tls.crt", "tls.key", "ca.crt"].map((name) => join(folder, name));
  const [certFile = "", keyFile = "", caFile = ""] = paths;
  return startTestGateway({
    env: {
      GATEWAY_TLS_CERT_FILE: certFile,
      GATEWAY_TLS_KEY_FILE: keyFile,
      GATEWAY_TLS_CLIENT_CA_FILE: caFile,
      GATEWAY_TLS_TRUST_DOMAINS: "prod.example",
    },
    files: { [certFile]: server.cert, [keyFile]: server.key, [caFile]: authority.cert },
  });
}

const toCredentials = (client: IssuedCertificate | undefined): ChannelCredentials =>
  client === undefined
    ? credentials.createSsl(Buffer.from(authority.cert))
    : credentials.createSsl(
        Buffer.from(authority.cert),
        Buffer.from(client.key),
        Buffer.from(client.cert),
      );

async function refusedCall(gateway: TestGateway, channel: ChannelCredentials): Promise<Failure> {
  const client = new KeysServiceClient(gateway.address, channel);
  try {
    return await gateway.failure(client, "countKeys", {}, { deadline: Date.now() + 5_000 });
  } finally {
    client.close();
  }
}

type Line = Readonly<Record<string, unknown>>;
const linesOf = (gateway: TestGateway, text: string): Line[] =>
  gateway.log().filter(({ msg }) => msg === text);

describe("a caller with a certificate that does not identify it", () => {
  test.each<[string, CertificateRequest, string, RegExp]>([
    [
      "of another trust domain",
      { uris: ["spiffe://stage.example/ns/orders/sa/api"] },
      "URI:spiffe://stage.example/ns/orders/sa/api",
      /a trust domain that is not accepted$/,
    ],
    [
      "of two identities",
      { uris: ["spiffe://prod.example/a", "spiffe://prod.example/b"] },
      "URI:spiffe://prod.example/a, URI:spiffe://prod.example/b",
      /more than one URI name$/,
    ],
    ["without a URI", { dnsNames: ["orders.test"] }, "DNS:orders.test", /has no URI name$/],
    ["of a common name alone", { commonName: "orders" }, "CN:orders", /has no URI name$/],
    [
      "of no SPIFFE ID",
      { uris: ["https://prod.example/a"] },
      "URI:https://prod.example/a",
      /is not a SPIFFE ID$/,
    ],
  ])(
    "the line of a refused caller %s has its identity and the reason",
    async (_, names, identity, why) => {
      await using gateway = await startMutual();
      const failure = await refusedCall(gateway, toCredentials(authority.issue(names)));
      expect(failure).toMatchObject({ code: "UNAUTHENTICATED", reason: "CALLER_UNAUTHENTICATED" });
      expect(linesOf(gateway, "call")).toEqual([
        expect.objectContaining({
          code: "UNAUTHENTICATED",
          reason: "CALLER_UNAUTHENTICATED",
          caller: "anonymous",
          refusedIdentity: identity,
          refusal: expect.stringMatching(why),
          peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        }),
      ]);
      expect(gateway.upstreamRequests()).toEqual([]);
    },
  );

  test("the line of an accepted caller has neither field", async () => {
    await using gateway = await startMutual();
    const uri = "spiffe://prod.example/ns/orders";
    const client = new KeysServiceClient(
      gateway.address,
      toCredentials(authority.issue({ uris: [uri] })),
    );
    await gateway.call(client, "countKeys", {});
    client.close();
    const [line] = linesOf(gateway, "call");
    expect(line).toMatchObject({ code: "OK", caller: uri });
    expect(Object.keys(line ?? {})).not.toContain("refusedIdentity");
    expect(Object.keys(line ?? {})).not.toContain("refusal");
  });
});

test("the line of a caller without a token says why it is refused", async () => {
  await using gateway = await startTestGateway({
    env: { GATEWAY_CREDENTIALS: "caller", IBMCLOUD_API_KEY: "" },
  });
  const failure = await gateway.failure(gateway.clients.keys, "countKeys", {});
  expect(failure.code).toBe("UNAUTHENTICATED");
  expect(linesOf(gateway, "call")[0]).toMatchObject({
    reason: "CALLER_TOKEN_REJECTED",
    refusal: expect.stringContaining("needs the caller's own IAM token"),
  });
});

describe("a TLS handshake that fails because of the caller", () => {
  const message = "a TLS handshake with a caller failed";

  test.each<[string, () => IssuedCertificate | undefined, RegExp]>([
    ["a certificate of another authority", () => stranger.issue(), /^[A-Z_]*(?:CERT|ISSUER|LEAF)/],
    [
      "an expired certificate",
      () => authority.issue({ notAfter: new Date(Date.now() - 60_000) }),
      /CERT_HAS_EXPIRED/,
    ],
    ["no certificate", () => undefined, /PEER_DID_NOT_RETURN_A_CERTIFICATE/],
  ])("the log has one line about a caller with %s", async (_, client, code) => {
    await using gateway = await startMutual();
    for (let times = 0; times < 3; times++) {
      await refusedCall(gateway, toCredentials(client()));
    }
    await eventually(() => linesOf(gateway, message).length > 0);
    expect(linesOf(gateway, message)).toEqual([
      expect.objectContaining({
        level: "info",
        address: "127.0.0.1",
        code: expect.stringMatching(code),
      }),
    ]);
  });

  test("a connection that ends without a handshake leaves no line", async () => {
    await using gateway = await startMutual();
    const [, port] = gateway.address.split(":");
    const socket = connect(Number(port), "127.0.0.1");
    await once(socket, "connect");
    socket.destroy();
    await refusedCall(gateway, toCredentials(undefined));
    await eventually(() => linesOf(gateway, message).length > 0);
    expect(linesOf(gateway, message)).toHaveLength(1);
  });
});
