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

/** The parts of a request that are read. */
interface ReflectionRequest {
  readonly fileContainingSymbol?: string;
}

/** The parts of a response that are changed. */
interface ReflectionResponse {
  readonly originalRequest?: ReflectionRequest;
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
}

type ReflectionStream = ServerDuplexStream<ReflectionRequest, ReflectionResponse>;

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
  const withoutPackage = new Set(
    file
      .filter((proto) => proto.package === "")
      .flatMap(({ service, messageType, enumType }) => [...service, ...messageType, ...enumType])
      .map(({ name }) => name),
  );
  const streams = new Set<ReflectionStream>();
  const services: BoundService[] = [];
  reflection.addToServer({
    addService: (definition, implementation) => {
      services.push({
        definition,
        implementation: tracked(implementation, streams, withoutPackage),
      });
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
  withoutPackage: ReadonlySet<string>,
): UntypedServiceImplementation {
  const { ServerReflectionInfo: answer } = implementation;
  if (answer === undefined) throw new Error("@grpc/reflection has no ServerReflectionInfo");
  return {
    ServerReflectionInfo: (stream: ReflectionStream): void => {
      streams.add(stream);
      stream.on("cancelled", () => streams.delete(stream));
      Reflect.apply(answer, implementation, [withUsualNames(stream, withoutPackage)]);
    },
  };
}

/**
 * The part of a stream that the library uses. The library writes a name without a package with a
 * leading dot, which clients neither send nor understand.
 */
function withUsualNames(stream: ReflectionStream, withoutPackage: ReadonlySet<string>) {
  let asked: ReflectionRequest = {};
  const withDot = (request: ReflectionRequest): ReflectionRequest => {
    asked = request;
    const { fileContainingSymbol: symbol = "" } = request;
    const [outermost = ""] = symbol.split(".", 1);
    return withoutPackage.has(outermost)
      ? { ...request, fileContainingSymbol: `.${symbol}` }
      : request;
  };
  return {
    on(event: "data" | "end", listener: (request: ReflectionRequest) => void): void {
      stream.on(event, (request: ReflectionRequest) =>
        listener(event === "data" ? withDot(request) : request),
      );
    },
    write(response: ReflectionResponse): void {
      const { listServicesResponse: list } = response;
      stream.write({
        ...response,
        originalRequest: asked,
        ...(list && {
          listServicesResponse: {
            service: list.service.map(({ name }) => ({ name: name.replace(/^\./, "") })),
          },
        }),
      });
    },
    end: () => stream.end(),
  };
}
