/**
 * A gateway that already has a token, a root key and a ciphertext. A test then counts only the
 * requests that its fault causes.
 */
import type { Fault, FaultAction } from "../../src/emulator/control/faults.ts";
import type { LoggedRequest } from "../../src/emulator/control/request-log.ts";
import { createKeyId, unwrapKeyRequest, wrapKeyRequest } from "../support/requests.ts";
import {
  startTestGateway,
  type CallSettings,
  type Failure,
  type TestGateway,
  type TestGatewayOptions,
} from "../support/start-gateway.ts";

/** A test gateway, and the call with which most tests show a fault. */
export interface WarmGateway extends TestGateway {
  readonly keyId: string;
  /** Unwraps the ciphertext. Rejects unless the result is the plaintext. */
  readonly unwrap: (settings?: CallSettings) => Promise<void>;
  readonly failedUnwrap: (settings?: CallSettings) => Promise<Failure>;
  /** Requests that reached Key Protect since the gateway was warm. */
  readonly asked: () => readonly LoggedRequest[];
  /** Adds a fault to Key Protect, not to IAM. */
  readonly fault: (action: FaultAction, more?: Omit<Fault, "action">) => void;
}

/** Every random wait takes its minimum, so that tests take no longer than necessary. */
const random = (): number => 0;

/** Identical calls become separate requests, and one caller may fill the whole queue. */
const eachOnItsOwn = {
  GATEWAY_QUEUE_MAX_CALLER_PERCENT: "100",
  GATEWAY_COALESCE_UNWRAPS: "false",
  GATEWAY_COALESCE_READS: "false",
} as const;

/**
 * Starts the gateway. `deps` are added to the fixed randomness and override it. Use it with `await
 * using`.
 */
export async function startWarmGateway(options: TestGatewayOptions = {}): Promise<WarmGateway> {
  const gateway = await startTestGateway({
    ...options,
    env: { ...eachOnItsOwn, ...options.env },
    deps: { random, ...options.deps },
  });
  const { clients, emulator, secrets } = gateway;
  const keyId = await createKeyId(gateway);
  const plaintext = secrets.bytes(32);
  const { ciphertext } = await gateway.call(
    clients.actions,
    "wrapKey",
    wrapKeyRequest(keyId, plaintext),
  );
  emulator.requests.clear();
  return Object.assign(gateway, {
    keyId,
    async unwrap(settings?: CallSettings) {
      const request = unwrapKeyRequest(keyId, ciphertext);
      const answer = await gateway.call(clients.actions, "unwrapKey", request, settings);
      if (!answer.plaintext.equals(plaintext)) throw new Error("another plaintext came back");
    },
    failedUnwrap: (settings?: CallSettings) =>
      gateway.failure(clients.actions, "unwrapKey", unwrapKeyRequest(keyId, ciphertext), settings),
    asked: () => emulator.requests.list({ service: "keyprotect" }),
    fault: (action: FaultAction, more: Omit<Fault, "action"> = {}) => {
      emulator.faults.add({ match: { service: "keyprotect" }, ...more, action });
    },
  });
}

/** Returns a deadline that many milliseconds from now. */
export const inMs = (ms: number): { readonly deadline: number } => ({ deadline: Date.now() + ms });

/** Returns `grpc-retry-pushback-ms` as a number; NaN if it is absent. */
export const pushbackOf = ({ error }: Failure): number =>
  Number(error.metadata.get("grpc-retry-pushback-ms")[0]?.toString() ?? Number.NaN);

/** Counts how often each value occurs. */
export function countsOf(values: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

/** Returns the value of a metric: the sum over its series if it has labels, NaN if it is absent. */
export async function metricOf(gateway: TestGateway, name: string): Promise<number> {
  const values = (await gateway.metrics())
    .split("\n")
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .map((line) => Number(line.slice(line.lastIndexOf(" ") + 1)));
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value);
}
