/**
 * Server reflection (grpc.reflection.v1 and v1alpha): tools such as grpcurl read the contract from
 * the server.
 */
import type { ServerDuplexStream, UntypedServiceImplementation } from "@grpc/grpc-js";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { ReflectionService } from "@grpc/reflection";
import type { BoundService } from "../call/bind-service.ts";

/** The reflection services. */
export interface Reflection {
  readonly services: readonly BoundService[];
  /** Ends the open streams. An open stream prevents a server from shutting down. */
  end(): void;
}

type ReflectionStream = ServerDuplexStream<unknown, unknown>;

/**
 * Creates the reflection services for a `FileDescriptorSet` (with imports) in base64. The library
 * gets the files as the compiler wrote them. Those of proto-loader have relative type names and
 * misnamed map entries, which Go clients such as grpcurl reject.
 */
export function createReflection(descriptorSetBase64: string): Reflection {
  const { file } = fromBinary(FileDescriptorSetSchema, Buffer.from(descriptorSetBase64, "base64"));
  const fileDescriptorProtos = file.map((proto) =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, proto)),
  );
  const reflection = new ReflectionService({
    contract: { format: "Protocol Buffer 3 DescriptorProto", type: {}, fileDescriptorProtos },
  });
  const streams = new Set<ReflectionStream>();
  const services: BoundService[] = [];
  reflection.addToServer({
    addService: (definition, implementation) => {
      services.push({ definition, implementation: tracked(implementation, streams) });
    },
  });

  return {
    services,
    end() {
      for (const stream of streams) stream.end();
      streams.clear();
    },
  };
}

function tracked(
  implementation: UntypedServiceImplementation,
  streams: Set<ReflectionStream>,
): UntypedServiceImplementation {
  const { ServerReflectionInfo: answer } = implementation;
  if (answer === undefined) throw new Error("@grpc/reflection has no ServerReflectionInfo");
  return {
    ServerReflectionInfo: (stream: ReflectionStream): void => {
      streams.add(stream);
      stream.on("cancelled", () => streams.delete(stream));
      Reflect.apply(answer, implementation, [stream]);
    },
  };
}
