/**
 * Messages of any RPC, made from the descriptor of the contract. A new RPC or field is covered
 * without being named here.
 */
import {
  create,
  fromBinary,
  toBinary,
  ScalarType,
  type DescField,
  type DescMessage,
  type DescMethod,
} from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { nameOf, pathOf, readContract } from "../../scripts/contract/contract.ts";
import { descriptorSet } from "../../src/gen/descriptor-set.ts";
import { goldenRequests } from "./golden-requests.ts";

/** The RPCs of the contract. */
export const contractMethods: readonly DescMethod[] = readContract(
  Buffer.from(descriptorSet, "base64"),
).methods;

/** Whether a field holds plaintext, key material or another secret. */
export const isSecret = (field: DescField): boolean => field.proto.options?.debugRedact === true;

/** Makes the values of a message. */
export interface Filling {
  readonly text: (field: DescField) => string;
  readonly bytes: () => Uint8Array;
}

/** Messages nest no deeper than this in a filled message. */
const deepest = 6;

/**
 * Returns messages in which every field is set; together they contain every alternative of each
 * `oneof`.
 */
export function filledMessages(type: DescMessage, filling: Filling): readonly ReflectMessage[] {
  const alternatives = Math.max(1, ...type.oneofs.map(({ fields }) => fields.length));
  return Array.from({ length: alternatives }, (_, at) => filled(type, filling, at, 0));
}

function filled(type: DescMessage, filling: Filling, at: number, depth: number): ReflectMessage {
  const message = reflect(type, create(type));
  for (const field of type.fields) {
    const { oneof } = field;
    if (oneof !== undefined && oneof.fields[at % oneof.fields.length] !== field) continue;
    if (field.message !== undefined && depth === deepest) continue;
    setFilled(message, field, filling, at, depth);
  }
  return message;
}

function setFilled(
  message: ReflectMessage,
  field: DescField,
  filling: Filling,
  at: number,
  depth: number,
): void {
  const nested = (type: DescMessage): ReflectMessage => filled(type, filling, at, depth + 1);
  if (field.fieldKind === "message") message.set(field, nested(field.message));
  else if (field.fieldKind === "enum") message.set(field, 1);
  else if (field.fieldKind === "scalar") message.set(field, scalar(field, field.scalar, filling));
  else if (field.fieldKind === "list") {
    const list = message.get(field);
    if (field.listKind === "message") list.add(nested(field.message));
    else if (field.listKind === "enum") list.add(1);
    else list.add(scalar(field, field.scalar, filling));
  } else throw new Error(`no map was expected: ${field.parent.typeName}.${field.name}`);
}

function scalar(
  field: DescField,
  type: ScalarType,
  { text, bytes }: Filling,
): string | Uint8Array | boolean | number | bigint {
  if (type === ScalarType.STRING) return text(field);
  if (type === ScalarType.BYTES) return bytes();
  if (type === ScalarType.BOOL) return true;
  return type === ScalarType.INT64 ? 1n : 1;
}

/** A valid request of an RPC, whose IDs name nothing that exists. Throws if there is none. */
export function validRequest(method: DescMethod): ReflectMessage {
  const path = pathOf(method);
  const golden = Object.values(goldenRequests)
    .map((make) => make())
    .find((each) => each.path === path);
  if (golden === undefined) throw new Error(`golden-requests.ts has no request of ${path}`);
  return reflect(method.input, fromBinary(method.input, golden.message));
}

/** A copy of a message with one field taken from another message. */
export function withField(
  message: ReflectMessage,
  field: DescField,
  source: ReflectMessage,
): ReflectMessage {
  const copy = decoded(message.desc, encoded(message));
  if (source.isSet(field)) copy.set(field, source.get(field));
  return copy;
}

/** The bytes of a message on the wire. */
export const encoded = (message: ReflectMessage): Buffer =>
  Buffer.from(toBinary(message.desc, message.message));

/** Reads a message from its bytes on the wire. */
export const decoded = (type: DescMessage, bytes: Uint8Array): ReflectMessage =>
  reflect(type, fromBinary(type, bytes));

/** All messages in a message, itself included. */
function* messagesIn(message: ReflectMessage): Generator<ReflectMessage> {
  yield message;
  for (const field of message.fields) {
    if (field.fieldKind === "message" && message.isSet(field)) {
      yield* messagesIn(message.get(field));
    } else if (field.fieldKind === "list" && field.listKind === "message") {
      for (const each of message.get(field)) if (isMessage(each)) yield* messagesIn(each);
    }
  }
}

/** The statuses of failed items in a response of a call with many items, encoded. */
export const itemErrorsIn = (message: ReflectMessage): readonly Buffer[] =>
  [...messagesIn(message)]
    .filter(({ desc }) => desc.typeName === "keyprotect.v1.ItemStatus")
    .map(encoded);

const isMessage = (value: unknown): value is ReflectMessage =>
  typeof value === "object" && value !== null && "desc" in value;

/** The fields of a message, at any depth, that hold a secret. */
const secretsIn = (message: ReflectMessage): readonly (readonly [ReflectMessage, DescField])[] =>
  [...messagesIn(message)].flatMap((each) =>
    each.fields
      .filter((field) => isSecret(field) && each.isSet(field))
      .map((field) => [each, field] as const),
  );

/** Calls a function with each secret in a message, and replaces the secret by what it returns. */
export function replaceSecrets(
  message: ReflectMessage,
  replace: (secret: Uint8Array) => Uint8Array,
): void {
  for (const [owner, field] of secretsIn(message)) {
    const value = field.fieldKind === "scalar" ? owner.get(field) : undefined;
    if (!(value instanceof Uint8Array)) throw new Error(`${nameOf(field)} cannot be replaced`);
    owner.set(field, replace(value));
  }
}

/** Names of the fields of a message that hold a secret, at any depth. */
export const secretFieldsIn = (message: ReflectMessage): readonly string[] =>
  secretsIn(message).map(([, field]) => nameOf(field));

/** All fields that messages of a type can contain, at any depth. */
export function fieldsBelow(
  type: DescMessage,
  seen = new Set<DescMessage>(),
): readonly DescField[] {
  if (seen.has(type)) return [];
  seen.add(type);
  return type.fields.flatMap((field) => [
    field,
    ...(field.message === undefined ? [] : fieldsBelow(field.message, seen)),
  ]);
}
