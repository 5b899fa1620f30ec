/** Key Protect's side of TLS is misconfigured. Numbers are rows of the fault matrix. */
import type { ServerOptions } from "node:https";
import { describe, expect, test } from "vitest";
import { createCertificateAuthority, type CertificateAuthority } from "../support/certificates.ts";
import { createKeyRequest, plainMaterial } from "../support/requests.ts";
import { startTestGateway } from "../support/start-gateway.ts";
import { createAuthorityFile } from "./authority-file.ts";
import { startEmptyService } from "./empty-service.ts";
import { inMs } from "./warm-gateway.ts";

const here = { ipAddresses: ["127.0.0.1"] };

describe.each<[string, (authority: CertificateAuthority) => ServerOptions]>([
  ["a certificate of another authority", () => createCertificateAuthority("other").issue(here)],
  ["a certificate for another name", (authority) => authority.issue({ dnsNames: ["other.test"] })],
  [
    "an expired certificate",
    (authority) =>
      authority.issue({
        ...here,
        notBefore: new Date(Date.now() - 7_200_000),
        notAfter: new Date(Date.now() - 3_600_000),
      }),
  ],
  [
    "TLS 1.1",
    (authority) => ({
      ...authority.issue(here),
      minVersion: "TLSv1",
      maxVersion: "TLSv1.1",
      ciphers: "DEFAULT@SECLEVEL=0",
    }),
  ],
])("with %s", (_name, optionsOf) => {
  test("45: a service with bad TLS gets no request and no retry, and callers get no details", async () => {
    await using trust = await createAuthorityFile();
    await using service = await startEmptyService({ tls: optionsOf(trust.authority) });
    await using gateway = await startTestGateway(trust.gatewayOptions(service.port));
    const { keys } = gateway.clients;
    const request = createKeyRequest({ material: plainMaterial(gateway.secrets.bytes(32)) });
    const failures = [
      await gateway.failure(keys, "createKey", request, inMs(10_000)),
      await gateway.failure(keys, "countKeys", {}, inMs(10_000)),
    ];
    for (const failure of failures) {
      expect(failure).toMatchObject({ code: "INTERNAL", reason: "UPSTREAM_TLS_FAILURE" });
      expect(failure.retryInfo).toBeUndefined();
      expect(failure.errorInfo?.metadata).toMatchObject({
        attempts: "1",
        mayHaveExecuted: "false",
      });
      expect(failure.message).not.toContain("127.0.0.1");
    }
    expect(service.asked).toEqual([]);
    expect(service.connections).toBe(2);
  });
});

test("45: TLS failures open the circuit, so that not every call makes a handshake", async () => {
  await using trust = await createAuthorityFile();
  await using service = await startEmptyService({
    tls: trust.authority.issue({ dnsNames: ["other.test"] }),
  });
  await using gateway = await startTestGateway(
    trust.gatewayOptions(service.port, { GATEWAY_BREAKER_MINIMUM_REQUESTS: "5" }),
  );
  const { keys } = gateway.clients;
  const reasons: string[] = [];
  for (let calls = 0; calls < 10; calls++) {
    reasons.push((await gateway.failure(keys, "countKeys", {}, inMs(10_000))).reason);
  }
  expect(reasons.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => "UPSTREAM_TLS_FAILURE"));
  expect(reasons.slice(5)).toEqual(Array.from({ length: 5 }, () => "CIRCUIT_OPEN"));
  expect(service.connections).toBe(5);
});

test("45: a server that answers in plain text instead of TLS receives no request", async () => {
  await using trust = await createAuthorityFile();
  await using service = await startEmptyService();
  await using gateway = await startTestGateway(trust.gatewayOptions(service.port));
  const failure = await gateway.failure(gateway.clients.keys, "countKeys", {}, inMs(10_000));
  expect(failure).toMatchObject({ code: "INTERNAL", reason: "UPSTREAM_TLS_FAILURE" });
  expect(service.asked).toEqual([]);
});
