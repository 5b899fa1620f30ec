/** A grpc-js client that is driven by lines of JSON: see `../wire-client.ts`. */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Client, credentials, Metadata, status, type ServiceError } from "@grpc/grpc-js";
import { orderSchema } from "../wire-client.ts";

const [configFile = "", ...addresses] = process.argv.slice(2);
const client = new Client(`ipv4:${addresses.join(",")}`, credentials.createInsecure(), {
  "grpc.service_config": readFileSync(configFile, "utf8"),
  // Reconnects quickly, so that the calls of a test meet a gateway that was just started.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 500,
});

const asIs = (message: Buffer): Buffer => message;
let begun = 0;
let isComplete = false;

function ended(id: number, error: ServiceError | null): void {
  const details = error?.metadata.get("grpc-status-details-bin")[0];
  const outcome = {
    id,
    code: error?.code ?? status.OK,
    message: error?.details ?? "",
    details: Buffer.isBuffer(details) ? details.toString("base64") : "",
  };
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
  begun -= 1;
  if (isComplete && begun === 0) client.close();
}

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { id, method, request, timeoutMs } = orderSchema.parse(JSON.parse(line));
    begun += 1;
    client.makeUnaryRequest(
      method,
      asIs,
      asIs,
      Buffer.from(request, "base64"),
      new Metadata(),
      { deadline: Date.now() + timeoutMs },
      (error) => ended(id, error),
    );
  })
  .on("close", () => {
    isComplete = true;
    if (begun === 0) client.close();
  });
