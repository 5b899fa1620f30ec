/** The client of one Key Protect instance: all operations in one object. */
import type { Send } from "../upstream/layer.ts";
import { createKeyActionOperations, type KeyActionOperations } from "./operations/key-actions.ts";
import type { OnAnomaly } from "./anomaly.ts";
import { dialect2019 } from "./dialects/dialect-2019.ts";
import { dialectCurrent } from "./dialects/dialect-current.ts";
import { createCallApi, type OperationDeps } from "./call-api.ts";
import { createKeyLifeOperations, type KeyLifeOperations } from "./operations/key-life.ts";
import { createKeyOperations, type KeyOperations } from "./operations/keys.ts";
import { createKmipOperations, type KmipOperations } from "./operations/kmip.ts";
import { createLockerOperations, type LockerOperations } from "./operations/lockers.ts";
import {
  createInstancePolicyOperations,
  type InstancePolicyOperations,
} from "./operations/instance-policies.ts";
import { createRingOperations, type RingOperations } from "./operations/rings.ts";
import { createPolicyOperations, type PolicyOperations } from "./operations/policies.ts";
import { createPieceQueue, type PieceQueue } from "../platform/pieces/piece-queue.ts";
import type { ApiDialect } from "../platform/api-dialect.ts";

/**
 * One Key Protect instance over REST; each method is an operation. A method never throws
 * synchronously. It rejects with an error of `send`, or with a `KeyProtectError`:
 *
 * - `REJECTED`: the response has a 4xx or 5xx status that the operation does not expect. Also, with
 *   status 404 and without a request, an ID that cannot be a path segment.
 * - `BAD_RESPONSE`: the status is another unexpected one, the body is not the documented JSON, or
 *   the response is about another resource.
 * - `UNSUPPORTED`: the dialect does not have this operation; nothing was sent.
 */
export interface KeyProtectClient
  extends
    KeyOperations,
    KeyLifeOperations,
    RingOperations,
    KeyActionOperations,
    PolicyOperations,
    InstancePolicyOperations,
    LockerOperations,
    KmipOperations {}

/** Dependencies of a client. */
export interface KeyProtectClientDeps {
  /**
   * The upstream pipeline: adds the credential, limits the rate, retries, sends. It must return a
   * separate body to every caller.
   */
  readonly send: Send;
  readonly dialect: ApiDialect;
  /** ID of the service instance, sent as `Bluemix-Instance`. */
  readonly instanceId: string;
  /** Called for defects of responses that do not fail a call. Default: ignored. */
  readonly onAnomaly?: OnAnomaly | undefined;
  /** Milliseconds since the Unix epoch, for the date form of `Retry-After`. Default: `Date.now`. */
  readonly wallNow?: (() => number) | undefined;
  /** The queue of work in pieces. Default: one of this client. */
  readonly pieces?: PieceQueue | undefined;
}

const dialects = { "2019": dialect2019, current: dialectCurrent } as const;

/** Creates the client of one instance. The client has no state. */
export function createKeyProtectClient(deps: KeyProtectClientDeps): KeyProtectClient {
  const { send, instanceId, dialect, onAnomaly = () => {}, wallNow = Date.now } = deps;
  const { pieces = createPieceQueue({ priorities: [] }) } = deps;
  const operations: OperationDeps = {
    callApi: createCallApi({ send, instanceId, dialect, wallNow, onAnomaly }),
    dialect: dialects[dialect],
    instanceId,
    onAnomaly,
    turn: (call) => pieces.turn(call),
  };
  return {
    ...createKeyOperations(operations),
    ...createKeyLifeOperations(operations),
    ...createRingOperations(operations),
    ...createKeyActionOperations(operations),
    ...createPolicyOperations(operations),
    ...createInstancePolicyOperations(operations),
    ...createLockerOperations(operations),
    ...createKmipOperations(operations),
  };
}
