/** The embedded Key Protect and the gateway, until Ctrl-C: something to point clients at. */
import { startLocalGateway } from "./local-gateway.ts";

const local = await startLocalGateway({
  listen: process.env["GATEWAY_LISTEN"] ?? "127.0.0.1:50051",
  adminListen: process.env["GATEWAY_ADMIN_LISTEN"] ?? "127.0.0.1:9464",
  logLevel: process.env["GATEWAY_LOG_LEVEL"] ?? "info",
});
const { admin } = local.gateway;

console.error(`gateway      ${local.address} (gRPC, plaintext, with reflection)
admin        http://${admin.host}:${admin.port} (/metrics, /livez, /readyz)
Key Protect  ${local.emulator.url} (embedded; GET /emulator tells how to script it)

  grpcurl -plaintext ${local.address} list
  grpcurl -plaintext -d '{"name":"demo","type":"KEY_TYPE_ROOT"}' ${local.address} keyprotect.v1.KeysService/CreateKey

Ctrl-C ends both.`);

await new Promise((resolve) => {
  process.once("SIGINT", resolve);
  process.once("SIGTERM", resolve);
});
await local[Symbol.asyncDispose]();
