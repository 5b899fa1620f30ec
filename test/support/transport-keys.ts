/**
 * Creates the RSA-4096 pair that the emulators of a test run share, before the first test. Creating
 * one takes seconds on a busy machine, which is longer than the deadline of some calls.
 */
import type { TestProject } from "vitest/node";
import { generateTransportKeys } from "../../src/emulator/lockers/transport-key.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** PKCS#8 in PEM. */
    transportKey: string;
  }
}

export default async function setup({ provide }: TestProject): Promise<void> {
  const { privateKey } = await generateTransportKeys();
  provide("transportKey", privateKey.export({ type: "pkcs8", format: "pem" }).toString());
}
