/**
 * Emulators for tests. They start quickly, because all emulators of a test run share one RSA pair.
 */
import { createPrivateKey, createPublicKey } from "node:crypto";
import { inject } from "vitest";
import { startEmulator as start } from "../../src/emulator/emulator.ts";
import type { Emulator } from "../../src/emulator/emulator.ts";
import type { EmulatorOptions } from "../../src/emulator/options.ts";
import type { TransportKeySource } from "../../src/emulator/lockers/transport-key.ts";

/** The one RSA pair of all emulators of a test run. */
export const sharedTransportKeys: TransportKeySource = () => {
  const privateKey = createPrivateKey(inject("transportKey"));
  return Promise.resolve({ privateKey, publicKey: createPublicKey(privateKey) });
};

/** Starts an emulator on a free port. Use it with `await using`. */
export function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  return start({ transportKeys: sharedTransportKeys, ...options });
}
