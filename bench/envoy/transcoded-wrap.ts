/**
 * The wrap in the form that Envoy's reverse transcoder can serve. The transcoder maps each message
 * to JSON as it is, so these messages have the form of Key Protect's JSON.
 */
import { createFileRegistry, fromBinary, fromJson, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, JsonValue } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { FileDescriptorSetSchema, MethodOptionsSchema } from "@bufbuild/protobuf/wkt";
import type { FileDescriptorSet, MethodOptions } from "@bufbuild/protobuf/wkt";
import { keyId, wrapAnswer, wrapRequest } from "../canned.ts";

const packageName = "keyprotect.bench";
const service = "TranscodedKeyActions";

const field = (number: number, name: string, type: string, typeName?: string): JsonValue => ({
  number,
  name,
  jsonName: name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
  label: "LABEL_OPTIONAL",
  type: `TYPE_${type}`,
  ...(typeName === undefined ? {} : { typeName: `.${packageName}.${typeName}` }),
});

const messages: JsonValue = [
  { name: "WrapBody", field: [field(1, "plaintext", "BYTES")] },
  {
    name: "WrapRequest",
    field: [field(1, "key_id", "STRING"), field(2, "body", "MESSAGE", "WrapBody")],
  },
  {
    name: "KeyVersion",
    field: [field(1, "id", "STRING"), field(2, "creation_date", "STRING")],
  },
  {
    name: "WrapResponse",
    field: [field(1, "ciphertext", "BYTES"), field(2, "key_version", "MESSAGE", "KeyVersion")],
  },
];

/** Returns the options of the method: `google.api.http`, which names the request of REST. */
function httpRule(): MethodOptions {
  const [extension, post, body] = [72_295_728, 4, 7];
  const options = new BinaryWriter()
    .tag(extension, WireType.LengthDelimited)
    .fork()
    .tag(post, WireType.LengthDelimited)
    .string("/api/v2/keys/{key_id}/actions/wrap")
    // The field that becomes the body. The path has the others.
    .tag(body, WireType.LengthDelimited)
    .string("body")
    .join()
    .finish();
  return fromBinary(MethodOptionsSchema, options);
}

function descriptors(): FileDescriptorSet {
  const method = {
    name: "Wrap",
    inputType: `.${packageName}.WrapRequest`,
    outputType: `.${packageName}.WrapResponse`,
  };
  const set = fromJson(FileDescriptorSetSchema, {
    file: [
      {
        name: "bench/transcoded_wrap.proto",
        package: packageName,
        syntax: "proto3",
        messageType: messages,
        service: [{ name: service, method: [method] }],
      },
    ],
  });
  for (const file of set.file) {
    for (const each of file.service.flatMap((of) => of.method)) each.options = httpRule();
  }
  return set;
}

/** Returns the descriptor set for Envoy, in binary form. */
export const descriptorSet = (): Uint8Array => toBinary(FileDescriptorSetSchema, descriptors());

/** Returns the method, the request and the only right answer to it. */
export function transcodedWrap(): {
  readonly path: string;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
} {
  const registry = createFileRegistry(descriptors());
  const encode = (name: string, message: JsonValue): Uint8Array => {
    const described: DescMessage | undefined = registry.getMessage(`${packageName}.${name}`);
    if (described === undefined) throw new Error(`there is no message ${name}`);
    return toBinary(described, fromJson(described, message));
  };
  const plaintext = wrapRequest.plaintext.toString("base64");
  return {
    path: `/${packageName}.${service}/Wrap`,
    request: encode("WrapRequest", { keyId, body: { plaintext } }),
    response: encode("WrapResponse", JSON.parse(wrapAnswer)),
  };
}
