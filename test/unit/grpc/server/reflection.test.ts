import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, type DescriptorProto } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";
import { loadFileDescriptorSetFromBuffer } from "@grpc/proto-loader";
import { expect, test } from "vitest";
import { descriptorSet } from "../../../../src/gen/descriptor-set.ts";
import { reflectionMethod } from "../../../support/standard-services.ts";
import { countKeys, startTestServer } from "../../../support/test-server.ts";
import type { TestServer } from "../../../support/test-server.ts";

const services = [
  "keyprotect.kmip.v1.KmipAdaptersService",
  "keyprotect.kmip.v1.KmipCertificatesService",
  "keyprotect.kmip.v1.KmipObjectsService",
  "keyprotect.v1.AliasesService",
  "keyprotect.v1.InstancePoliciesService",
  "keyprotect.v1.KeyActionsService",
  "keyprotect.v1.KeyRingsService",
  "keyprotect.v1.KeysService",
  "keyprotect.v1.LockersService",
  "keyprotect.v1.PoliciesService",
  "keyprotect.v1.RegistrationsService",
];

interface Answer {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Buffer[] };
  readonly errorResponse?: { readonly errorCode: number; readonly errorMessage: string };
}

interface Stream {
  ask(request: object): Promise<Answer>;
  end(): void;
  readonly ended: Promise<grpc.StatusObject>;
}

const start = (): Promise<TestServer> =>
  startTestServer({ reflection: { descriptorSetBase64: descriptorSet } });

function open(fixture: TestServer, version: "v1" | "v1alpha" = "v1"): Stream {
  const { path, requestSerialize, responseDeserialize } = reflectionMethod(version);
  const stream = fixture
    .newClient()
    .makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new grpc.Metadata());
  stream.on("error", () => {});
  const ended = new Promise<grpc.StatusObject>((resolve) => stream.on("status", resolve));
  return {
    ended,
    end: () => stream.end(),
    ask: (request) =>
      new Promise((resolve, reject) => {
        stream.once("data", (answer: Answer) => resolve(answer));
        void ended.then((status) => reject(new Error(status.details)));
        stream.write(request);
      }),
  };
}

test.each(["v1", "v1alpha"] as const)("reflection %s lists the services", async (version) => {
  await using fixture = await start();
  const { listServicesResponse } = await open(fixture, version).ask({ listServices: "*" });

  const names = listServicesResponse?.service.map((service) => service.name) ?? [];
  expect(names.toSorted()).toEqual(["grpc.health.v1.Health", ...services]);
});

test.each([...services, "grpc.health.v1.Health", "keyprotect.v1.KeysService.CreateKey"])(
  "reflection describes %s so that a client can call it",
  async (symbol) => {
    await using fixture = await start();
    const { fileDescriptorResponse } = await open(fixture).ask({ fileContainingSymbol: symbol });

    const files = fileDescriptorResponse?.fileDescriptorProto ?? [];
    // Field 1 of a FileDescriptorSet, length-delimited: the files and their imports, as in grpcurl.
    const set = Buffer.concat(
      files.flatMap((file) => [Buffer.from([0x0a]), varint(file.length), file]),
    );
    const definition = loadFileDescriptorSetFromBuffer(set);
    const service = symbol.replace(/\.CreateKey$/, "");
    expect(Object.keys(definition[service] ?? {}).length).toBeGreaterThan(0);
  },
);

// Go's protobuf, and so grpcurl, accepts nothing else; JavaScript's libraries are more tolerant.
test.each([...services, "grpc.health.v1.Health"])(
  "reflection describes %s with absolute type names and map entries named after their fields",
  async (symbol) => {
    await using fixture = await start();
    const { fileDescriptorResponse } = await open(fixture).ask({ fileContainingSymbol: symbol });
    const files = (fileDescriptorResponse?.fileDescriptorProto ?? []).map((bytes) =>
      fromBinary(FileDescriptorProtoSchema, bytes),
    );

    const messages = files.flatMap((file) => file.messageType.flatMap(withNested));
    const methods = files.flatMap((file) => file.service.flatMap(({ method }) => method));
    const references = [
      ...messages.flatMap(({ field }) => field.map(({ typeName }) => typeName)),
      ...methods.flatMap(({ inputType, outputType }) => [inputType, outputType]),
    ].filter((name) => name !== "");
    expect(references.length).toBeGreaterThan(0);
    expect(references.filter((name) => !name.startsWith("."))).toEqual([]);
    const entries = messages.filter(({ options }) => options?.mapEntry === true);
    expect(entries.map(({ name }) => name)).toEqual(entries.map(() => "StatusesEntry"));
    expect(entries).toHaveLength(symbol === "grpc.health.v1.Health" ? 1 : 0);
  },
);

test.each(["nowhere.Nothing", "constructor", "__proto__", ""])(
  "reflection answers NOT_FOUND for the symbol %j",
  async (symbol) => {
    await using fixture = await start();
    const answer = await open(fixture).ask({ fileContainingSymbol: symbol });

    expect(answer.fileDescriptorResponse?.fileDescriptorProto.join("") ?? "").toBe("");
  },
);

test("a reflection stream answers until its caller ends it", async () => {
  await using fixture = await start();
  const stream = open(fixture);
  await stream.ask({ listServices: "" });
  await stream.ask({ listServices: "" });
  stream.end();

  expect((await stream.ended).code).toBe(grpc.status.OK);
});

test("an open reflection stream does not delay a shutdown", async () => {
  await using fixture = await startTestServer({
    reflection: { descriptorSetBase64: descriptorSet },
    drain: { delayMs: 0, graceMs: 60_000 },
  });
  const stream = open(fixture);
  await stream.ask({ listServices: "" });

  await fixture.server.drain();
  expect((await stream.ended).code).toBe(grpc.status.OK);
});

test("a server without reflection does not implement it", async () => {
  await using fixture = await startTestServer();
  const stream = open(fixture);
  stream.end();

  expect((await stream.ended).code).toBe(grpc.status.UNIMPLEMENTED);
  expect((await countKeys(fixture.newClient())).totalSize).toBe(7);
});

function withNested(message: DescriptorProto): DescriptorProto[] {
  return [message, ...message.nestedType.flatMap(withNested)];
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let left = value; ; left >>>= 7) {
    if (left < 0x80) return Buffer.from([...bytes, left]);
    bytes.push((left & 0x7f) | 0x80);
  }
}
