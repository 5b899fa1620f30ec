/**
 * Answers of an intermediary in Key Protect's place, which passed the request on or did not, and
 * the judgement of a call that got them. Executions are counted at the emulator.
 */
import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import type { FaultAction, ProcessingMoment } from "../../src/emulator/control/faults.ts";
import type { Operation } from "../../src/emulator/api/operations.ts";
import { ReturnPreference } from "../../src/gen/keyprotect/v1/key.ts";
import type { Outcome } from "../../examples/unary-call.ts";
import { statusDetails } from "./status-details.ts";
import {
  createKeyId,
  createKeyRequest,
  deleteKeyRequest,
  dualAuthPolicy,
  rotateKeyRequest,
  rotationPolicy,
  wrapKeyRequest,
} from "./requests.ts";
import type { TestGateway, TestGatewayOptions } from "./start-gateway.ts";

/** An answer of an intermediary. */
export interface Page {
  readonly status: number;
  readonly body: keyof typeof bodies;
  readonly retryAfter: string | undefined;
  /** Whether the request reached Key Protect and was executed before the page was sent. */
  readonly when: ProcessingMoment;
}

const bodies = {
  html: { body: "<html><h1>default backend</h1></html>", contentType: "text/html" },
  empty: { body: "", contentType: "text/plain" },
  truncated: { body: '{"metadata":{"collectionType":"app', contentType: "application/json" },
  json: { body: '{"error":{"code":404,"message":"no route"}}', contentType: "application/json" },
} as const;

/** The kinds of bodies. None is Key Protect's error body. */
export const pageBodies = ["html", "empty", "truncated", "json"] as const;

/** Statuses that proxies, ingresses, firewalls and edges answer with. */
export const pageStatuses = [
  200, 302, 400, 401, 403, 404, 407, 408, 409, 410, 413, 429, 451, 500, 501, 502, 503, 504,
] as const;

/** Values of `Retry-After` as seen in the field: none, too short, too long, dates, no time. */
export const retryAfters = [
  undefined,
  "0",
  "1",
  "86400",
  "1000000000",
  "Fri, 31 Dec 9999 23:59:59 GMT",
  "Thu, 01 Jan 1970 00:00:00 GMT",
  "soon",
] as const;

export const toFault = ({ status, body, retryAfter, when }: Page): FaultAction => ({
  kind: "respond",
  status,
  when,
  ...bodies[body],
  headers: retryAfter === undefined ? {} : { "Retry-After": retryAfter },
});

type Call = (deadlineMs: number) => Promise<Outcome<unknown>>;

/** An RPC, prepared so that its call would succeed. */
interface Trial {
  /** The emulator's name of the operation that a call executes. */
  readonly operation: Operation;
  /** Whether a second execution would have an effect of its own. */
  readonly isUnsafe: boolean;
  /** Whether the answer to the upstream's request has no body, as that to a HEAD. */
  readonly isBodiless?: boolean;
  /** Makes what the call needs, and returns the call. */
  readonly prepare: (gateway: TestGateway) => Promise<Call>;
}

const within = (deadlineMs: number) => ({ deadline: Date.now() + deadlineMs });

/** One row per RPC that these tests try. */
export const trials = {
  CreateKey: {
    operation: "createKey",
    isUnsafe: true,
    prepare: async (gateway) => (ms) =>
      gateway.outcome(gateway.clients.keys, "createKey", createKeyRequest(), within(ms)),
  },
  "CreateKey with a request_id": {
    operation: "createKey",
    isUnsafe: true,
    prepare: async (gateway) => {
      const request = createKeyRequest({ requestId: randomUUID() });
      return (ms) => gateway.outcome(gateway.clients.keys, "createKey", request, within(ms));
    },
  },
  RotateKey: {
    operation: "rotateKey",
    isUnsafe: true,
    prepare: async (gateway) => {
      const request = rotateKeyRequest(await createKeyId(gateway));
      return (ms) => gateway.outcome(gateway.clients.actions, "rotateKey", request, within(ms));
    },
  },
  CreateLocker: {
    operation: "postImportToken",
    isUnsafe: true,
    prepare: async (gateway) => (ms) =>
      gateway.outcome(
        gateway.clients.lockers,
        "createLocker",
        { ttl: undefined, maxAllowedRetrievals: 1 },
        within(ms),
      ),
  },
  RetrieveLocker: {
    operation: "getImportToken",
    isUnsafe: true,
    prepare: async (gateway) => {
      const { lockers } = gateway.clients;
      const { locker } = await gateway.call(lockers, "createLocker", {
        ttl: undefined,
        maxAllowedRetrievals: 5,
      });
      const request = { lockerId: locker?.id ?? "" };
      return (ms) => gateway.outcome(lockers, "retrieveLocker", request, within(ms));
    },
  },
  DeleteKey: {
    operation: "deleteKey",
    isUnsafe: false,
    prepare: async (gateway) => {
      const request = deleteKeyRequest(await createKeyId(gateway), { allowMissing: true });
      return (ms) => gateway.outcome(gateway.clients.keys, "deleteKey", request, within(ms));
    },
  },
  DisableKey: {
    operation: "disableKey",
    isUnsafe: false,
    prepare: async (gateway) => {
      const request = {
        keyId: await createKeyId(gateway),
        returnPreference: ReturnPreference.UNSPECIFIED,
      };
      return (ms) => gateway.outcome(gateway.clients.keys, "disableKey", request, within(ms));
    },
  },
  ScheduleKeyDeletion: {
    operation: "setKeyForDeletion",
    isUnsafe: false,
    prepare: async (gateway) => {
      const { keys, policies } = gateway.clients;
      const keyId = await createKeyId(gateway);
      const dualAuth = { keyId, policies: [dualAuthPolicy(true)] };
      await gateway.call(policies, "replaceKeyPolicies", dualAuth);
      const request = { keyId, returnPreference: ReturnPreference.UNSPECIFIED };
      return (ms) => gateway.outcome(keys, "scheduleKeyDeletion", request, within(ms));
    },
  },
  ReplaceKeyPolicies: {
    operation: "putPolicy",
    isUnsafe: false,
    prepare: async (gateway) => {
      const request = { keyId: await createKeyId(gateway), policies: [rotationPolicy(3)] };
      return (ms) =>
        gateway.outcome(gateway.clients.policies, "replaceKeyPolicies", request, within(ms));
    },
  },
  WrapKey: {
    operation: "wrapKey",
    isUnsafe: false,
    prepare: async (gateway) => {
      const request = wrapKeyRequest(await createKeyId(gateway), Buffer.from("data key"));
      return (ms) => gateway.outcome(gateway.clients.actions, "wrapKey", request, within(ms));
    },
  },
  RewrapKey: {
    operation: "rewrapKey",
    isUnsafe: false,
    prepare: async (gateway) => {
      const { actions } = gateway.clients;
      const keyId = await createKeyId(gateway);
      const wrap = wrapKeyRequest(keyId, Buffer.from("data key"));
      const { ciphertext } = await gateway.call(actions, "wrapKey", wrap);
      const request = { keyId, ciphertext, additionalAuthenticatedData: [] };
      return (ms) => gateway.outcome(actions, "rewrapKey", request, within(ms));
    },
  },
  ListKeys: {
    operation: "getKeys",
    isUnsafe: false,
    prepare: async (gateway) => {
      const request = { pageSize: 10, pageToken: "", skip: 0 };
      return (ms) => gateway.outcome(gateway.clients.keys, "listKeys", request, within(ms));
    },
  },
  ListKeyVersions: {
    operation: "getKeyVersions",
    isUnsafe: false,
    prepare: async (gateway) => {
      const request = { keyId: await createKeyId(gateway), pageSize: 0, pageToken: "" };
      return (ms) => gateway.outcome(gateway.clients.keys, "listKeyVersions", request, within(ms));
    },
  },
  GetKey: {
    operation: "getKeyMetadata",
    isUnsafe: false,
    prepare: async (gateway) => {
      const request = { keyId: await createKeyId(gateway) };
      return (ms) => gateway.outcome(gateway.clients.keys, "getKey", request, within(ms));
    },
  },
  CountKeys: {
    operation: "getKeyCollectionMetadata",
    isUnsafe: false,
    isBodiless: true,
    prepare: async (gateway) => (ms) =>
      gateway.outcome(gateway.clients.keys, "countKeys", {}, within(ms)),
  },
} as const satisfies Record<string, Trial>;

/** Name of a row of `trials`. */
export type TrialName = keyof typeof trials;

/** The names of all rows. */
export const trialNames = Object.keys(trials).filter((name): name is TrialName =>
  Object.hasOwn(trials, name),
);

/** The bodies of pages for a row. The answer to a HEAD with a JSON type counts as Key Protect's. */
export const bodiesFor = (name: TrialName): readonly Page["body"][] =>
  "isBodiless" in trials[name] ? ["html", "empty"] : pageBodies;

/**
 * Options of a gateway behind intermediaries: many pages in a row neither open a circuit nor lower
 * the rate, which other tests show.
 */
export const behindIntermediary: TestGatewayOptions = {
  env: {
    GATEWAY_BREAKER: "false",
    GATEWAY_RATE_MODE: "off",
    GATEWAY_COALESCE_READS: "false",
    GATEWAY_REQUEST_ID_STORE: "memory",
  },
  deps: { random: () => 0 },
};

/** Reasons that say nothing definite about a key, a caller or a request. */
const indefinite: ReadonlySet<string> = new Set([
  "OUTCOME_UNKNOWN",
  "UPSTREAM_BAD_RESPONSE",
  "UPSTREAM_INTERNAL",
  "UPSTREAM_RATE_LIMITED",
  "UPSTREAM_TIMEOUT",
  "UPSTREAM_UNAVAILABLE",
  "DEADLINE_UPSTREAM",
  "DEADLINE_IN_QUEUE",
  "DEADLINE_TOO_SHORT",
]);

/** The longest `Retry-After` that is passed on, in milliseconds. */
const longestPushbackMs = 60_000;

/** Calls of a caller that obeys: at most this many. */
const mostCalls = 3;

/**
 * Makes one call while the pages are sent, one per request upstream, and then repeats it as often
 * as the caller is told to. Fails unless the invariants hold at the emulator.
 */
export async function judgeCall(
  gateway: TestGateway,
  name: TrialName,
  pages: readonly Page[],
  { repeatsAlways = false } = {},
): Promise<void> {
  const { operation, isUnsafe, prepare } = trials[name];
  const { faults, requests } = gateway.emulator;
  faults.clear();
  const call = await prepare(gateway);
  requests.clear();
  for (const page of pages) {
    faults.add({ match: { operation }, times: 1, action: toFault(page) });
  }
  const executed = (): number =>
    requests.list({ operation }).filter(({ isExecuted }) => isExecuted).length;
  for (let calls = 1; calls <= mostCalls; calls++) {
    // Each call depends on the answer before.
    // oxlint-disable-next-line no-await-in-loop
    const { error } = await call(2_000);
    const story = `${name}, call ${calls}: ${JSON.stringify(pages)} → ${error?.details ?? "OK"}`;
    if (isUnsafe) expect(executed(), story).toBeLessThanOrEqual(1);
    if (error === null) {
      expect(executed(), story).toBeGreaterThan(0);
      return;
    }
    const { errorInfo } = statusDetails(error);
    // A repeated change may get Key Protect's own verdict, such as that of a disabled key.
    const isPage = requests.list({ operation }).at(-1)?.fault !== undefined;
    if (isPage) expect(indefinite, `${story}: ${errorInfo?.reason}`).toContain(errorInfo?.reason);
    const mayHaveExecuted = errorInfo?.metadata["mayHaveExecuted"];
    if (isUnsafe && executed() > 0) expect(mayHaveExecuted, story).toBe("true");
    if (!isUnsafe) expect(mayHaveExecuted, story).toBe("false");
    const pushback = error.metadata.get("grpc-retry-pushback-ms")[0];
    const pushbackMs = pushback === undefined ? undefined : Number(pushback.toString());
    if (pushbackMs !== undefined && pushbackMs >= 0) {
      // An intermediary says neither "at once" nor "never again".
      expect(pushbackMs, story).toBeGreaterThanOrEqual(1_000);
      expect(pushbackMs, story).toBeLessThanOrEqual(longestPushbackMs);
      if (isUnsafe) expect(mayHaveExecuted, story).toBe("false");
    } else if (!repeatsAlways) {
      return;
    }
  }
}
