/** Clients of the services that tools ask a server for: health and reflection. */
import {
  credentials,
  makeGenericClientConstructor,
  Metadata,
  status,
  type ServiceError,
} from "@grpc/grpc-js";
import { loadSync, type MethodDefinition } from "@grpc/proto-loader";
import { service as healthService } from "grpc-health-check";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const nameOf = ({ code }: ServiceError): string => status[code] ?? "";

/** The health of a name, such as `SERVING`, or the name of the status if there is none. */
export function checkHealth(target: string, service: string): Promise<string> {
  const Health = makeGenericClientConstructor(healthService, "Health");
  const client = new Health(target, credentials.createInsecure());
  const method = healthService["Check"];
  if (method === undefined) throw new Error("the health service has no Check");
  return new Promise<string>((resolve) => {
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      { service },
      (error, response: unknown) => {
        const health: unknown =
          typeof response === "object" && response && Reflect.get(response, "status");
        resolve(error === null ? String(health) : nameOf(error));
      },
    );
  }).finally(() => client.close());
}

const isMethod = (value: unknown): value is MethodDefinition<object, object> =>
  typeof value === "object" && value !== null && "requestSerialize" in value;

/** The method of server reflection, from the protocol's own files. */
export function reflectionMethod(version: "v1" | "v1alpha"): MethodDefinition<object, object> {
  const packageFolder = dirname(
    createRequire(import.meta.url).resolve("@grpc/reflection/package.json"),
  );
  const loaded = loadSync(`grpc/reflection/${version}/reflection.proto`, {
    includeDirs: [join(packageFolder, "build/proto")],
  });
  const service = loaded[`grpc.reflection.${version}.ServerReflection`];
  const method: unknown = service && Reflect.get(service, "ServerReflectionInfo");
  if (!isMethod(method)) throw new Error(`no reflection ${version}`);
  return method;
}

interface ReflectionAnswer {
  readonly originalRequest?: unknown;
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Uint8Array[] };
  readonly errorResponse?: { readonly errorMessage: string };
}

/** The answer of reflection to one request, or the name of the status if the stream fails. */
export function askReflection(target: string, request: object): Promise<ReflectionAnswer | string> {
  const { path, requestSerialize, responseDeserialize } = reflectionMethod("v1");
  const Client = makeGenericClientConstructor({}, "ServerReflection");
  const client = new Client(target, credentials.createInsecure());
  const stream = client.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    new Metadata(),
  );
  return new Promise<ReflectionAnswer | string>((resolve) => {
    stream.on("error", (error: ServiceError) => resolve(nameOf(error)));
    stream.on("data", (answer: ReflectionAnswer) => {
      resolve(answer);
      stream.end();
    });
    stream.write(request);
  }).finally(() => client.close());
}

/** The services that reflection lists, sorted, or the name of the status if it fails. */
export async function listedServices(target: string): Promise<readonly string[] | string> {
  const answer = await askReflection(target, { listServices: "*" });
  if (typeof answer === "string") return answer;
  return answer.listServicesResponse?.service.map(({ name }) => name).toSorted() ?? [];
}
