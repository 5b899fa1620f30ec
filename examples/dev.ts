/**
 * Runs the embedded Key Protect and a gateway until Ctrl-C: `npm run dev`. Prints their addresses
 * and commands that call them. GATEWAY_LISTEN, GATEWAY_ADMIN_LISTEN and GATEWAY_LOG_LEVEL apply.
 */
import { startLocalGateway } from "./local-gateway.ts";

const local = await startLocalGateway({
  listen: process.env["GATEWAY_LISTEN"] ?? "127.0.0.1:50051",
  adminListen: process.env["GATEWAY_ADMIN_LISTEN"] ?? "127.0.0.1:9464",
  logLevel: process.env["GATEWAY_LOG_LEVEL"] ?? "info",
});
const { admin } = local.gateway;

console.error(`gateway      ${local.address} (gRPC, plaintext, with reflection)
admin        http://${admin.host}:${admin.port} (/metrics, /livez, /readyz, /state)
console      http://${admin.host}:${admin.port}/console (open it in a browser)
Key Protect  ${local.emulator.url} (embedded; GET /emulator lists its control routes)

List the services, create a root key, and have it make and wrap a data key:

  grpcurl -plaintext ${local.address} list
  grpcurl -plaintext -d '{"name":"demo","type":"KEY_TYPE_ROOT"}' \\
    ${local.address} keyprotect.v1.KeysService/CreateKey
  grpcurl -plaintext -d '{"key_id":"<the ID that CreateKey returned>"}' \\
    ${local.address} keyprotect.v1.KeyActionsService/GenerateDataKey

Make the next two wraps fail with HTTP 503, so that the gateway retries:

  curl -s ${local.emulator.url}/emulator/faults \\
    -d '{"match":{"operation":"wrapKey"},"times":2,"action":{"kind":"respond","status":503}}'

More calls: docs/api.md has one of each RPC, examples/README.md programs in Go, Java, Python and
TypeScript. Ctrl-C ends both.`);

await new Promise((resolve) => {
  process.once("SIGINT", resolve);
  process.once("SIGTERM", resolve);
});
await local[Symbol.asyncDispose]();
