/**
 * The program of a process that calls with IBM's client and its retries: on 429 and 5xx, after
 * Retry-After or with growing waits.
 */
import { createVendorClient, type VendorClient } from "../../test/conformance/vendor-client.ts";
import { createLoadAnswers, type LoadQuestions } from "./load-answers.ts";
import type { UpstreamPlace } from "./quota-upstream-worker.ts";
import { cpuMicroseconds, serveWorker } from "./serve-worker.ts";
import type { MakeCall } from "./start-load.ts";

/** Questions to this process. */
export type SdkQuestions = LoadQuestions & {
  readonly connect: { given: UpstreamPlace; answer: void };
  readonly cpu: { given: null; answer: number };
};

const plaintext = Buffer.alloc(32, 0x5a).toString("base64");

let makeCall: MakeCall | undefined;

const field = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null
    ? new Map<string, unknown>(Object.entries(value)).get(name)
    : undefined;

async function createMakeCall(client: VendorClient, place: UpstreamPlace): Promise<MakeCall> {
  const bluemixInstance = place.instanceId;
  const wrapped = await client.wrapKey({
    id: place.keyId,
    bluemixInstance,
    keyActionWrapBody: { plaintext },
  });
  const unwrap = {
    id: place.keyId,
    bluemixInstance,
    keyActionUnwrapBody: { ciphertext: field(wrapped.result, "ciphertext") },
  };
  return async ({ operation }) => {
    if (operation !== "unwrap") throw new Error("only unwrapping is played");
    try {
      const { result } = await client.unwrapKey(unwrap);
      return field(result, "plaintext") === plaintext ? "OK" : "WRONG ANSWER";
    } catch (error) {
      const status = field(error, "status");
      return typeof status === "number" ? `HTTP ${status}` : "no answer";
    }
  };
}

serveWorker<SdkQuestions>({
  ...createLoadAnswers(() => makeCall),
  async connect(place) {
    const client = createVendorClient(place);
    client.enableRetries({ maxRetries: 4, maxRetryInterval: 30 });
    makeCall = await createMakeCall(client, place);
  },
  cpu: () => cpuMicroseconds(),
});
