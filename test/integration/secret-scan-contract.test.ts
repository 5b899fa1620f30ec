/**
 * Nothing of a request or a response that is secret leaves the gateway. All RPCs and all fields
 * come from the contract, so a new one is covered without being named here.
 */
import type { DescMessage, DescMethod } from "@bufbuild/protobuf";
import type { ReflectMessage } from "@bufbuild/protobuf/reflect";
import { expect, test } from "vitest";
import { streamPaths } from "../../src/access/item-rows.ts";
import { localConfiguration, localInstanceIds } from "../../examples/local-gateway.ts";
import { nameOf, pathOf } from "../../scripts/contract/contract.ts";
import {
  contractMethods,
  decoded,
  encoded,
  fieldsBelow,
  itemErrorsIn,
  filledMessages,
  isSecret,
  replaceSecrets,
  secretFieldsIn,
  validRequest,
  withField,
  type Filling,
} from "../support/contract-messages.ts";
import { eventually } from "../support/eventually.ts";
import { playExamples, type StoryCall } from "../support/example-story.ts";
import { wireClient } from "../support/golden-requests.ts";
import { underEachMisbehaviour } from "../support/misbehaviours.ts";
import { startOtlpSink } from "../support/otlp-sink.ts";
import { createSecretLedger } from "../support/secret-ledger.ts";
import { startTestGateway, type CallSettings, type TestGateway } from "../support/start-gateway.ts";

const instances = Object.keys(localInstanceIds);
/** Calls at the same time. */
const atOnce = 12;

/** A gateway with an instance per dialect that records all calls, and counts of how these ended. */
async function startScan() {
  const sink = await startOtlpSink();
  const started = await startTestGateway({
    sink,
    emulator: {
      instanceIds: Object.values(localInstanceIds),
      tokenLifetimeSeconds: 7 * 24 * 3_600,
    },
    env: {
      GATEWAY_CONFIG: "/gateway.yaml",
      KP_SERVICE_URL: "",
      KP_INSTANCE_ID: "",
      KP_API_DIALECT: "",
      IAM_AUTH_URL: "",
      // The rejections of one fault must not pause the calls of the next.
      GATEWAY_RATE_MODE: "off",
      GATEWAY_BREAKER: "false",
      OTEL_BSP_MAX_QUEUE_SIZE: "100000",
    },
    files: (emulator) => ({ "/gateway.yaml": localConfiguration(emulator) }),
  });
  const gateway: TestGateway = {
    ...started,
    async [Symbol.asyncDispose]() {
      try {
        await started[Symbol.asyncDispose]();
      } finally {
        await sink[Symbol.asyncDispose]();
      }
    },
  };
  const ended = { succeeded: new Set<DescMethod>(), failed: new Set<DescMethod>() };
  const send = async (
    { method, request, metadata }: StoryCall,
    settings: CallSettings = {},
  ): Promise<ReflectMessage | undefined> => {
    const client = wireClient(gateway.clients.keys, pathOf(method));
    const { error, response } = await gateway.outcome(client, "send", encoded(request), {
      metadata,
      // An item of a stream waits for a failing upstream.
      ...(streamPaths.has(pathOf(method)) ? { deadline: Date.now() + 3_000 } : {}),
      ...settings,
    });
    const message =
      error !== null || response === undefined ? undefined : decoded(method.output, response);
    // A call with many items succeeds also if they fail. Their errors are output as any other.
    const itemErrors = message === undefined ? [] : itemErrorsIn(message);
    itemErrors.forEach(gateway.addOutput);
    const isFailed = message === undefined || itemErrors.length > 0;
    ended[isFailed ? "failed" : "succeeded"].add(method);
    if (isFailed) return undefined;
    replaceSecrets(message, (secret) => gateway.secrets.mark(Buffer.from(secret)));
    return message;
  };
  return { gateway, sink, ended, send };
}

type Scan = Awaited<ReturnType<typeof startScan>>;

/** Returns the same bytes for the same length, so that few secrets have to be searched for. */
function canaries({ secrets }: Pick<TestGateway, "secrets">): (length: number) => Buffer {
  const byLength = new Map<number, Buffer>();
  return (length) => {
    const made = byLength.get(length) ?? secrets.bytes(length);
    byLength.set(length, made);
    return made;
  };
}

/** Makes all calls of the examples with fresh secrets. Each must succeed. */
async function succeed(
  { gateway, send }: Scan,
  secret: (length: number) => Buffer,
): Promise<StoryCall[]> {
  return playExamples({
    emulatorUrl: gateway.emulator.url,
    async call(made) {
      replaceSecrets(made.request, ({ length }) => secret(length));
      const response = await send(made);
      if (response === undefined) throw new Error(`the example of ${pathOf(made.method)} fails`);
      return response;
    },
  });
}

/** Sends calls to both instances, some at the same time. */
async function sendAll(
  { send }: Pick<Scan, "send">,
  calls: readonly StoryCall[],
  settings: () => CallSettings = () => ({}),
): Promise<void> {
  const queue = instances.flatMap((instance) =>
    calls.map((call) => ({ ...call, metadata: { ...call.metadata, "x-kp-instance": instance } })),
  );
  const sendInTurn = async (): Promise<void> => {
    for (let call = queue.shift(); call !== undefined; call = queue.shift()) {
      await send(call, settings());
    }
  };
  await Promise.all(Array.from({ length: atOnce }, sendInTurn));
}

/** Requests with every field set, and valid requests with one field set that way. */
const requestsWith = (filling: Filling): StoryCall[] =>
  contractMethods.flatMap((method) => {
    const valid = validRequest(method);
    const messages = filledMessages(method.input, filling).flatMap((full) => [
      full,
      ...method.input.fields.map((field) => withField(valid, field, full)),
    ]);
    return messages.map((request) => ({ method, request, metadata: {} }));
  });

const secretFieldsBelow = (type: DescMessage): string[] =>
  fieldsBelow(type).filter(isSecret).map(nameOf).toSorted();

/** Valid requests with one secret each, for every secret that an RPC can take. */
const requestsWithSecrets = (bytes: () => Uint8Array): StoryCall[] =>
  contractMethods.flatMap((method) => {
    const filling = { text: () => "a text", bytes };
    return filledMessages(method.input, filling).flatMap((full) =>
      method.input.fields
        .map((field) => withField(validRequest(method), field, full))
        .filter((request) => secretFieldsIn(request).length > 0)
        .map((request) => ({ method, request, metadata: {} })),
    );
  });

/** Resolves when the span of every call has arrived. */
const spansOfAllCalls = ({ gateway, sink }: Scan): Promise<void> => {
  const calls = gateway.log().filter(({ msg }) => msg === "call").length;
  return eventually(() => sink.spans().filter(({ kind }) => kind === "SERVER").length === calls);
};
const recordedRpcs = ({ sink }: Scan): string[] => {
  const calls = sink.spans().filter(({ kind }) => kind === "SERVER");
  return [...new Set(calls.map(({ name }) => `/${name}`))].toSorted();
};

const namesOf = (methods: Iterable<DescMethod>): string[] => [...methods].map(pathOf).toSorted();

test("no RPC of the contract discloses a secret, whether it succeeds or fails", async () => {
  const scan = await startScan();
  await using gateway = scan.gateway;
  const { emulator } = gateway;
  const secret = canaries(gateway);
  const examples = await succeed(scan, secret);
  expect(namesOf(scan.ended.succeeded)).toEqual(namesOf(contractMethods));
  expect(namesOf(scan.ended.failed)).toEqual([]);

  const calls = [...examples, ...requestsWithSecrets(() => secret(32))];
  const sent = new Set(calls.flatMap(({ request }) => secretFieldsIn(request)));
  const fields = new Set(contractMethods.flatMap(({ input }) => secretFieldsBelow(input)));
  expect([...sent].toSorted()).toEqual([...fields].toSorted());

  await underEachMisbehaviour(gateway, (settings) => sendAll(scan, calls, settings));
  expect(namesOf(scan.ended.failed)).toEqual(namesOf(contractMethods));

  await emulator[Symbol.asyncDispose]();
  scan.ended.succeeded.clear();
  await sendAll(scan, calls);
  expect(namesOf(scan.ended.succeeded)).toEqual([]);
  // The end of the gateway searches the spans too, so they have to be there.
  await spansOfAllCalls(scan);
  expect(recordedRpcs(scan)).toEqual(namesOf(contractMethods));
}, 180_000);

test("a filled message has every secret that its type can have, however deep", () => {
  const filling = { text: () => "text", bytes: () => Buffer.from("bytes") };
  for (const type of contractMethods.flatMap(({ input, output }) => [input, output])) {
    const found = new Set(filledMessages(type, filling).flatMap(secretFieldsIn));
    expect([...found].toSorted(), type.typeName).toEqual(secretFieldsBelow(type));
  }
});

/** Texts that break the rules of every field that has rules, and bytes that are too long. */
const badFillings = (text: string, bytes: Buffer): readonly Filling[] => [
  { text: () => `\u0007${text}`, bytes: () => bytes },
  { text: () => text.repeat(40), bytes: () => Buffer.alloc(100_000, bytes) },
  { text: () => ` ../${text}?${text}`, bytes: () => Buffer.alloc(0) },
];

test("no error, log line, metric or span quotes a field that breaks a rule, whichever field it is", async () => {
  const scan = await startScan();
  await using gateway = scan.gateway;
  const text = gateway.secrets.bytes(24).toString("hex");
  for (const filling of badFillings(text, gateway.secrets.bytes(32))) {
    await sendAll(scan, requestsWith(filling));
  }
  const withText = contractMethods.filter(({ input }) =>
    fieldsBelow(input).some((field) => field.fieldKind === "scalar"),
  );
  const failed = new Set(scan.ended.failed);
  expect(namesOf(withText.filter((method) => !failed.has(method)))).toEqual([]);
}, 120_000);

test("no log line, metric or span quotes a field of a request that keeps all rules", async () => {
  const scan = await startScan();
  await using gateway = scan.gateway;
  const shown = createSecretLedger();
  // Valid as an alias, a name, a search and a label. Only the key ring of a call is logged.
  const text = `a${shown.bytes(12).toString("hex")}`;
  const bytes = shown.bytes(32);
  const requests = requestsWith({
    text: ({ name }) => (name === "key_ring_id" ? "default" : text),
    bytes: () => bytes,
  });
  await sendAll(scan, requests);
  gateway.emulator.faults.add({
    match: { service: "keyprotect" },
    action: { kind: "respond", status: 500, body: text },
  });
  await sendAll(scan, requests);
  expect(shown.tracesIn(JSON.stringify(gateway.log()))).toEqual([]);
  expect(shown.tracesIn(await gateway.metrics())).toEqual([]);
  await spansOfAllCalls(scan);
  expect(shown.tracesIn(scan.sink.text())).toEqual([]);
}, 120_000);

test("an ID that an error quotes is found by the secret scan, so the scan sees errors", async () => {
  const scan = await startScan();
  const { secrets } = scan.gateway;
  const text = `a${secrets.bytes(12).toString("hex")}`;
  await sendAll(scan, requestsWith({ text: () => text, bytes: () => Buffer.from("b") }));
  await expect(scan.gateway[Symbol.asyncDispose]()).rejects.toThrow(/secret/);
}, 120_000);
