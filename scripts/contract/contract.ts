import {
  createFileRegistry,
  fromBinary,
  type DescEnum,
  type DescField,
  type DescFile,
  type DescMessage,
  type DescMethod,
  type DescService,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** All declarations of the `keyprotect.*` packages. */
export interface Contract {
  readonly files: readonly DescFile[];
  readonly services: readonly DescService[];
  readonly methods: readonly DescMethod[];
  readonly messages: readonly DescMessage[];
  readonly fields: readonly DescField[];
  readonly enums: readonly DescEnum[];
}

/** Reads an encoded `google.protobuf.FileDescriptorSet`. */
export function readContract(descriptorSet: Uint8Array): Contract {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet));
  const types = [...registry].filter((type) => type.typeName.startsWith("keyprotect."));
  const services = types.filter((type) => type.kind === "service");
  const messages = types.filter((type) => type.kind === "message");
  return {
    files: [...registry.files].filter((file) => file.proto.package.startsWith("keyprotect.")),
    services,
    methods: services.flatMap((service) => service.methods),
    messages,
    fields: messages.flatMap((message) => message.fields),
    enums: types.filter((type) => type.kind === "enum"),
  };
}

/** The gRPC path of a method. */
export const pathOf = (method: DescMethod): string => `/${method.parent.typeName}/${method.name}`;

/** Name of a field for test output, such as `keyprotect.v1.Key.id`. */
export const nameOf = (field: DescField): string => `${field.parent.typeName}.${field.name}`;
