/** A caller of RewrapStream that keeps everything it gets. */
import { Metadata, status, type CallOptions, type ServiceError } from "@grpc/grpc-js";
import type {
  KeyActionsServiceClient,
  RewrapStreamItem,
  RewrapStreamOptions,
  RewrapStreamResponse,
} from "../../src/gen/keyprotect/v1/key_actions_service.ts";
import { createKeyId, wrapKeyRequest } from "./requests.ts";
import { startTestGateway, type TestGateway, type TestGatewayOptions } from "./start-gateway.ts";
import { statusDetails } from "./status-details.ts";

/** How a stream ended. */
export interface StreamEnd {
  /** Name of the status, such as `UNAVAILABLE`. */
  readonly code: string;
  readonly reason: string;
  /** `ErrorInfo.metadata`. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly error: ServiceError | undefined;
}

/** An open stream. */
export interface TestStream {
  readonly answers: RewrapStreamResponse[];
  readonly ended: Promise<StreamEnd>;
  /** Resolves when the stream takes further messages. */
  send(item: Partial<RewrapStreamItem>): Promise<void>;
  sendOptions(options: RewrapStreamOptions): void;
  /** Sends a message without a content. */
  sendNothing(): void;
  /** Ends the caller's side. */
  end(): void;
  cancel(): void;
  /** Stops and goes on reading answers. */
  pause(): void;
  resume(): void;
}

const ignore = (): void => {};

/** Opens a stream. */
export function openStream(
  client: Pick<KeyActionsServiceClient, "rewrapStream">,
  { metadata = {}, ...options }: Partial<CallOptions> & { metadata?: Record<string, string> } = {},
): TestStream {
  const entries = new Metadata();
  for (const [key, value] of Object.entries(metadata)) entries.set(key, value);
  const call = client.rewrapStream(entries, options);
  const answers: RewrapStreamResponse[] = [];
  call.on("data", (answer: RewrapStreamResponse) => void answers.push(answer));
  let error: ServiceError | undefined;
  let isOver = false;
  /** Ends the wait of `send`. */
  let goOn = ignore;
  call.on("drain", () => goOn());
  call.on("error", (failure: ServiceError) => {
    error = failure;
  });
  const ended = new Promise<StreamEnd>((resolve) => {
    call.on("status", ({ code }: { code: number }) => {
      isOver = true;
      goOn();
      // The error comes in the same turn.
      setImmediate(() => {
        const info = error === undefined ? undefined : statusDetails(error).errorInfo;
        const name = status[code] ?? "no such status";
        resolve({ code: name, reason: info?.reason ?? "", metadata: info?.metadata ?? {}, error });
      });
    });
  });
  return {
    answers,
    ended,
    send: (item) =>
      new Promise((resolve) => {
        const value = {
          itemId: "",
          keyId: "",
          ciphertext: Buffer.alloc(0),
          additionalAuthenticatedData: [],
          ...item,
        };
        if (isOver || call.write({ message: { $case: "item", value } })) resolve();
        else goOn = resolve;
      }),
    sendOptions: (value) => void call.write({ message: { $case: "options", value } }),
    sendNothing: () => void call.write({ message: undefined }),
    end: () => void call.end(),
    cancel: () => call.cancel(),
    pause: () => void call.pause(),
    resume: () => void call.resume(),
  };
}

/** A gateway with a key and a ciphertext of it. */
export async function startWithCiphertext(options: TestGatewayOptions = {}) {
  const gateway = await startTestGateway(options);
  const keyId = await createKeyId(gateway);
  const plaintext = gateway.secrets.bytes(32);
  const { ciphertext } = await gateway.call(
    gateway.clients.actions,
    "wrapKey",
    wrapKeyRequest(keyId, plaintext),
  );
  return { gateway, plaintext, item: { keyId, ciphertext } };
}

/** The number of rewraps that Key Protect got. */
export const rewrapsOf = (gateway: TestGateway): number =>
  gateway.upstreamRequests().filter((request) => request.endsWith("/rewrap")).length;

/** The log lines of streams that have ended. */
export const streamLines = (gateway: TestGateway) =>
  gateway
    .log()
    .filter(({ msg, method }) => msg === "call" && String(method).endsWith("/RewrapStream"));

/** The places of the answers, in the order in which they came. */
export const indexesOf = ({ answers }: TestStream): number[] => answers.map(({ index }) => index);

/** The numbers from 0 to below the count. */
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

/** Sends items named by their numbers. */
export async function sendMany(
  stream: TestStream,
  count: number,
  item: { keyId: string; ciphertext: Buffer },
): Promise<void> {
  for (const at of upTo(count)) await stream.send({ ...item, itemId: `item-${at}` });
}
