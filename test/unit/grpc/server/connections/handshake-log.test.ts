import { expect, test } from "vitest";
import { createHandshakeLog } from "../../../../../src/grpc/server/connections/handshake-log.ts";
import { createDrivenClock } from "../../../../support/driven-clock.ts";

function createLog() {
  const clock = createDrivenClock();
  const lines: unknown[] = [];
  const log = createHandshakeLog({
    clock,
    logger: { info: (line: unknown) => void lines.push(line) },
  });
  return { clock, lines, log };
}

const failed = (code: string): Error => Object.assign(new Error("socket hang up"), { code });

test("a refused certificate is logged with its own code, not with that of the closed socket", () => {
  const { lines, log } = createLog();
  log(failed("ECONNRESET"), { remoteAddress: "10.0.0.1", authorizationError: "CERT_HAS_EXPIRED" });
  expect(lines).toEqual([{ address: "10.0.0.1", code: "CERT_HAS_EXPIRED" }]);
});

test("a failure is logged once per address, code and minute", async () => {
  const { clock, lines, log } = createLog();
  const fail = (address: string, code: string): void =>
    log(failed(code), { remoteAddress: address, authorizationError: null });
  for (let times = 0; times < 3; times++) {
    fail("10.0.0.1", "ERR_SSL_WRONG_VERSION_NUMBER");
    fail("10.0.0.2", "ERR_SSL_WRONG_VERSION_NUMBER");
    fail("10.0.0.1", "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE");
  }
  expect(lines).toHaveLength(3);
  await clock.advance(59_999);
  fail("10.0.0.1", "ERR_SSL_WRONG_VERSION_NUMBER");
  expect(lines).toHaveLength(3);
  await clock.advance(1);
  fail("10.0.0.1", "ERR_SSL_WRONG_VERSION_NUMBER");
  expect(lines).toHaveLength(4);
});

test("a connection that is closed before its handshake is not logged", () => {
  const { lines, log } = createLog();
  for (const code of ["ECONNRESET", "EPIPE", ""]) log(failed(code), { remoteAddress: "10.0.0.1" });
  log(undefined, {});
  expect(lines).toEqual([]);
});
