/** An emulator in its own process, so that its work delays no client of a test. */
import { startEmulator } from "../../src/emulator/emulator.ts";
import { serveWorker } from "../../bench/load/serve-worker.ts";

/** Where the emulator is, and its credential. */
export interface EmulatorAccess {
  readonly url: string;
  readonly instanceId: string;
  readonly apiKey: string;
}

export type EmulatorQuestions = {
  /** Starts the emulator with this quota per second. */
  readonly start: { given: number; answer: EmulatorAccess };
  /** Delays every answer of Key Protect by this time, in milliseconds. */
  readonly delay: { given: number; answer: null };
  /** Number of requests that were answered with 429. */
  readonly refused: { given: null; answer: number };
};

let emulator: Awaited<ReturnType<typeof startEmulator>> | undefined;
const started = (): NonNullable<typeof emulator> => {
  if (emulator === undefined) throw new Error("the emulator was not started");
  return emulator;
};

serveWorker<EmulatorQuestions>({
  async start(quota) {
    emulator = await startEmulator({ quota: { ratePerSecond: quota, burst: quota } });
    const { url, instanceId, apiKey } = emulator;
    return { url, instanceId, apiKey };
  },
  delay(delayMs) {
    started().faults.add({ match: { service: "keyprotect" }, delayMs });
    return Promise.resolve(null);
  },
  refused: () =>
    Promise.resolve(
      started()
        .requests.list()
        .filter(({ status }) => status === 429).length,
    ),
});
