import type { Send } from "../upstream/layer.ts";
import { createKeyActionOperations, type KeyActionOperations } from "./operations/key-actions.ts";
import type { OnAnomaly } from "./anomaly.ts";
import { dialect2019 } from "./dialects/dialect-2019.ts";
import { dialectCurrent } from "./dialects/dialect-current.ts";
import { createCallApi, type OperationDeps } from "./call-api.ts";
import { createKeyOperations, type KeyOperations } from "./operations/keys.ts";
import { createLockerOperations, type LockerOperations } from "./operations/lockers.ts";
import { createPolicyOperations, type PolicyOperations } from "./operations/policies.ts";
import type { ApiDialect } from "../platform/api-dialect.ts";

/**
 * One Key Protect instance over REST, an operation a method. Every method rejects with a `KeyProtectError`, or with what
 * `send` rejects with, and never throws before that.
 */
export interface KeyProtectClient
  extends KeyOperations, KeyActionOperations, PolicyOperations, LockerOperations {}

export interface KeyProtectClientDeps {
  /** Adds the credential, paces, repeats, exchanges. Has to give every caller a body of its own. */
  readonly send: Send;
  readonly dialect: ApiDialect;
  /** GUID of the service instance, sent as `Bluemix-Instance`. */
  readonly instanceId: string;
  /** Told of oddities in answers that fail no call. Default: nobody is. */
  readonly onAnomaly?: OnAnomaly | undefined;
  /** Milliseconds since the Unix epoch, for the date form of `Retry-After`. Default: the machine's clock. */
  readonly wallNow?: (() => number) | undefined;
}

const dialects = { "2019": dialect2019, current: dialectCurrent } as const;

/** Creates the client of one instance. It keeps no state between calls. */
export function createKeyProtectClient(deps: KeyProtectClientDeps): KeyProtectClient {
  const { send, instanceId, onAnomaly = () => {}, wallNow = Date.now } = deps;
  const operations: OperationDeps = {
    callApi: createCallApi({ send, instanceId, wallNow, onAnomaly }),
    dialect: dialects[deps.dialect],
    instanceId,
    onAnomaly,
  };
  return {
    ...createKeyOperations(operations),
    ...createKeyActionOperations(operations),
    ...createPolicyOperations(operations),
    ...createLockerOperations(operations),
  };
}
