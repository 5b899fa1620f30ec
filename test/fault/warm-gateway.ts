/** A gateway that has its token, a root key and a ciphertext, so that what a test counts is what the fault brought about. */
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

/** A test gateway, and the call that most faults are shown by. */
export interface WarmGateway extends TestGateway {
  readonly keyId: string;
  /** Unwraps; rejects unless the plaintext comes back. */
  readonly unwrap: (settings?: CallSettings) => Promise<void>;
  readonly failedUnwrap: (settings?: CallSettings) => Promise<Failure>;
  /** Requests that reached Key Protect since the gateway was warm. */
  readonly asked: () => readonly LoggedRequest[];
  /** Adds a fault of Key Protect, not of IAM. */
  readonly fault: (action: FaultAction, more?: Omit<Fault, "action">) => void;
}

/** Waits drawn at random are the shortest there are, lest a test take longer than it has to. */
const random = (): number => 0;

/** The same call many times over is many requests, and the one caller may have the whole queue. */
const eachOnItsOwn = {
  GATEWAY_QUEUE_MAX_CALLER_PERCENT: "100",
  GATEWAY_COALESCE_UNWRAPS: "false",
  GATEWAY_COALESCE_READS: "false",
} as const;

/** Starts it. `deps` add to, and win over, randomness that is none. Use with `await using`. */
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

/** A deadline that many milliseconds from now. */
export const inMs = (ms: number): { readonly deadline: number } => ({ deadline: Date.now() + ms });

/** `grpc-retry-pushback-ms`, as a number; NaN if there is none. */
export const pushbackOf = ({ error }: Failure): number =>
  Number(error.metadata.get("grpc-retry-pushback-ms")[0]?.toString() ?? Number.NaN);

/** How many there are of each. */
export function countsOf(values: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

/** Value of a metric, the sum of its series if it has labels; NaN if it is not there. */
export async function metricOf(gateway: TestGateway, name: string): Promise<number> {
  const values = (await gateway.metrics())
    .split("\n")
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .map((line) => Number(line.slice(line.lastIndexOf(" ") + 1)));
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value);
}
