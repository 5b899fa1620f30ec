/** Gateways that keep request IDs, and what came of the calls that carry them. */
import { createKeyRequest } from "./requests.ts";
import { startTestGateway, type TestGateway, type TestGatewayOptions } from "./start-gateway.ts";

/** A gateway that remembers request IDs in memory. */
export const startKeepingIds = (options: TestGatewayOptions = {}): Promise<TestGateway> =>
  startTestGateway({ ...options, env: { GATEWAY_REQUEST_ID_STORE: "memory", ...options.env } });

/** How often Key Protect carried an operation out. */
export const executed = ({ emulator }: TestGateway, operation: string): number =>
  emulator.requests.list({ service: "keyprotect", operation }).filter((one) => one.isExecuted)
    .length;

/** How often Key Protect was asked for an operation. */
export const asked = ({ emulator }: TestGateway, operation: string): number =>
  emulator.requests.list({ service: "keyprotect", operation }).length;

/** Asks for a key under a request ID. */
export const withId = (requestId: string) => createKeyRequest({ requestId });
