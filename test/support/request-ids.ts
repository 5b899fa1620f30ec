/** Gateways that store request IDs, and counts of the requests that reached the emulator. */
import { createKeyRequest } from "./requests.ts";
import { startTestGateway, type TestGateway, type TestGatewayOptions } from "./start-gateway.ts";

/** Starts a gateway that stores request IDs in memory. */
export const startKeepingIds = (options: TestGatewayOptions = {}): Promise<TestGateway> =>
  startTestGateway({ ...options, env: { GATEWAY_REQUEST_ID_STORE: "memory", ...options.env } });

/** Returns how often the emulator executed an operation. */
export const executed = ({ emulator }: TestGateway, operation: string): number =>
  emulator.requests.list({ service: "keyprotect", operation }).filter((one) => one.isExecuted)
    .length;

/** Returns how often the emulator received a request for an operation. */
export const asked = ({ emulator }: TestGateway, operation: string): number =>
  emulator.requests.list({ service: "keyprotect", operation }).length;

/** Returns a key creation with a request ID. */
export const withId = (requestId: string) => createKeyRequest({ requestId });
