import { expect, test } from "vitest";
import { toCallFailure, type CallFailure } from "../../../src/migrate/gateway/call-failure.ts";
import type { CallResult, MigrationGateway } from "../../../src/migrate/gateway/gateway-client.ts";
import { parseItem, type MigrationItem } from "../../../src/migrate/lines/item.ts";
import { createRewrap, type RewrapDeps } from "../../../src/migrate/rewrap-item.ts";
import { createDrivenClock } from "../../support/driven-clock.ts";
import { Metadata, status } from "@grpc/grpc-js";
import { ErrorInfo } from "../../../src/gen/google/rpc/error_details.ts";
import { Status } from "../../../src/gen/google/rpc/status.ts";

const places = {
  source: { instance: "old", key: "old-key" },
  target: { instance: "new", key: "new-key" },
};
function itemOf(line: number): MigrationItem {
  const item = parseItem(line, '{"id":"a","ciphertext":"AAEC"}', places);
  if ("problems" in item) throw new Error(item.problems.join());
  return item;
}

const failing = (failure: Partial<CallFailure>): { readonly failure: CallFailure } => ({
  failure: {
    kind: "wait",
    status: "UNAVAILABLE",
    reason: "OVERLOADED",
    message: "busy",
    retryAfterMs: undefined,
    ...failure,
  },
});

interface Script {
  readonly unwrap?: (call: number) => { readonly failure: CallFailure } | { value: Buffer };
  readonly wrap?: () => { readonly failure: CallFailure } | undefined;
}

/** A gateway that keeps the buffers that it gave and got. */
function setUp(script: Script, deps: Partial<RewrapDeps> = {}) {
  const clock = createDrivenClock();
  const buffers: Buffer[] = [];
  const times: number[] = [];
  const ending = new AbortController();
  let wrapped = "";
  const keep = (buffer: Buffer): Buffer => {
    buffers.push(buffer);
    return buffer;
  };
  const gateway: MigrationGateway = {
    unwrap: (place) => {
      times.push(clock.now());
      const text = place.instance === places.source.instance ? "data key" : wrapped;
      const answer = script.unwrap?.(times.length - 1) ?? { value: Buffer.from(text, "latin1") };
      if ("value" in answer) keep(answer.value);
      return Promise.resolve({ correlationId: "id", ...answer } as CallResult<Buffer>);
    },
    wrap: (_, plaintext) => {
      wrapped = keep(plaintext).toString("latin1");
      const value = { ciphertext: Buffer.from("new"), keyVersion: "v" };
      return Promise.resolve({ correlationId: "id", ...(script.wrap?.() ?? { value }) });
    },
    close: () => {},
  };
  const rewrap = createRewrap({
    gateway,
    clock,
    random: () => 0,
    signal: ending.signal,
    isVerified: true,
    isDryRun: false,
    giveUpMs: 60_000,
    onRepeat: () => {},
    ...deps,
  });
  const areZero = (): boolean =>
    buffers.length > 0 && buffers.every((buffer) => buffer.every((byte) => byte === 0));
  return { clock, rewrap, times, ending, areZero };
}

test.each<[string, Script, Partial<RewrapDeps>, string]>([
  ["it is migrated", {}, {}, "migrated"],
  ["it is not verified", {}, { isVerified: false }, "migrated"],
  ["it is readable in a dry run", {}, { isDryRun: true }, "readable"],
  ["its wrap fails", { wrap: () => failing({ kind: "item" }) }, {}, "failed"],
  ["its wrap is refused", { wrap: () => failing({ kind: "refused" }) }, {}, "refused"],
  [
    "its new ciphertext contains something else",
    { unwrap: (call) => ({ value: Buffer.from(call === 0 ? "data key" : "DATA KEY") }) },
    {},
    "failed",
  ],
])("the plaintext of an item is zeros when %s", async (_, script, deps, kind) => {
  const { rewrap, areZero } = setUp(script, deps);
  expect((await rewrap(itemOf(1))).kind).toBe(kind);
  expect(areZero()).toBe(true);
});

test("a new ciphertext of another data key is a failure, of another length too", async () => {
  for (const other of ["DATA KEY", "data key and more", ""]) {
    const { rewrap } = setUp({
      unwrap: (call) => ({ value: Buffer.from(call === 0 ? "data key" : other) }),
    });
    expect(await rewrap(itemOf(1))).toMatchObject({
      kind: "failed",
      failure: { step: "verify", reason: "DIFFERENT" },
    });
  }
});

test("a delay that the gateway asks for holds back the other items too", async () => {
  const { rewrap, clock, times } = setUp({
    unwrap: (call) =>
      call === 0 ? failing({ retryAfterMs: 3_000 }) : { value: Buffer.from("data key") },
  });
  const first = rewrap(itemOf(1));
  await clock.advance(1);
  const second = rewrap(itemOf(2));
  await clock.advance(2_998);
  expect(times).toEqual([0]);
  await clock.advance(5_000);
  expect((await Promise.all([first, second])).map(({ kind }) => kind)).toEqual([
    "migrated",
    "migrated",
  ]);
  expect(Math.min(...times.slice(1))).toBe(3_000);
});

test("waits without a given delay double up to five seconds", async () => {
  const { rewrap, clock, times } = setUp(
    { unwrap: () => failing({}) },
    { random: () => 0.999_999 },
  );
  void rewrap(itemOf(1));
  await clock.advance(30_000);
  const waits = times.slice(1).map((at, index) => Math.round(at - (times[index] ?? 0)));
  expect(waits.slice(0, 8)).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
});

test("an item whose call keeps failing ends the migration after the given time, not before", async () => {
  const { rewrap, clock } = setUp({ unwrap: () => failing({}) }, { giveUpMs: 20_000 });
  let ended: string | undefined;
  void rewrap(itemOf(1)).then(({ kind }) => (ended = kind));
  await clock.advance(19_900);
  expect(ended).toBeUndefined();
  await clock.advance(10_000);
  expect(ended).toBe("exhausted");
});

test("an interruption ends a wait at once", async () => {
  const { rewrap, clock, ending } = setUp({ unwrap: () => failing({ retryAfterMs: 600_000 }) });
  const outcome = rewrap(itemOf(1));
  await clock.advance(5_000);
  ending.abort();
  expect(await outcome).toEqual({ kind: "interrupted" });
  expect(clock.pending).toBe(0);
});

test("a failed target is tried once in a dry run, and fails each of its items", async () => {
  let wraps = 0;
  const wrap = (): { readonly failure: CallFailure } => {
    wraps += 1;
    return failing({ kind: "item", reason: "KEY_NOT_FOUND" });
  };
  const { rewrap } = setUp({ wrap }, { isDryRun: true });
  const kinds = await Promise.all([1, 2, 3].map(async (line) => (await rewrap(itemOf(line))).kind));
  expect(kinds).toEqual(["failed", "failed", "failed"]);
  expect(wraps).toBe(1);
});

function kindOf(code: status, reason?: string, domain = "keyprotect-gateway"): string {
  const metadata = new Metadata();
  if (reason !== undefined) {
    const value = ErrorInfo.encode({ reason, domain, metadata: {} }).finish();
    const detail = {
      typeUrl: "type.googleapis.com/google.rpc.ErrorInfo",
      value: Buffer.from(value),
    };
    const encoded = Status.encode({ code, message: "", details: [detail] }).finish();
    metadata.set("grpc-status-details-bin", Buffer.from(encoded));
  }
  return toCallFailure(Object.assign(new Error("x"), { code, details: "", metadata })).kind;
}

test("failures of a gateway that starts, stops or is full are waited out", () => {
  for (const code of [status.UNAVAILABLE, status.CANCELLED, status.INTERNAL, status.UNKNOWN]) {
    expect(kindOf(code)).toBe("wait");
  }
  expect(kindOf(status.RESOURCE_EXHAUSTED, "UPSTREAM_RATE_LIMITED")).toBe("wait");
  expect(kindOf(status.DEADLINE_EXCEEDED, "DEADLINE_IN_QUEUE")).toBe("wait");
});

test("failures of one item leave the others alone, those of the set-up concern all", () => {
  expect(kindOf(status.INVALID_ARGUMENT, "CIPHERTEXT_REJECTED")).toBe("item");
  expect(kindOf(status.NOT_FOUND, "KEY_NOT_FOUND")).toBe("item");
  expect(kindOf(status.INTERNAL, "GATEWAY_INTERNAL")).toBe("item");
  expect(kindOf(status.INVALID_ARGUMENT, "INSTANCE_UNKNOWN")).toBe("refused");
  expect(kindOf(status.INTERNAL, "UPSTREAM_CREDENTIALS_REJECTED")).toBe("refused");
  expect(kindOf(status.UNIMPLEMENTED)).toBe("refused");
});

test("details of something else than the gateway count as none", () => {
  expect(kindOf(status.INVALID_ARGUMENT, "CIPHERTEXT_REJECTED", "some-proxy")).toBe("refused");
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from([0xff, 0xff, 0xff]));
  const error = Object.assign(new Error("x"), { code: status.UNAVAILABLE, details: "", metadata });
  expect(toCallFailure(error)).toMatchObject({ kind: "wait", reason: "" });
});
