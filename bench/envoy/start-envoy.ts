/** Starts Envoy for the bench. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../../test/support/free-port.ts";
import { untilAnswering } from "../child.ts";
import { envoyConfiguration } from "./configuration.ts";
import { processorMicros, threadNames } from "./processor-time.ts";
import { descriptorSet } from "./transcoded-wrap.ts";

/** A running Envoy. Disposal ends it, after 5 s by force. */
export interface RunningEnvoy extends AsyncDisposable {
  /** Serves the wrap of `transcodedWrap`. */
  readonly port: number;
  readonly adminUrl: string;
  readonly accessLogPath: string;
  /** Processor time used so far, in µs, user and system. */
  cpuMicros(): Promise<number>;
}

const patienceMs = 5_000;

/**
 * Starts Envoy with one worker and resolves when it serves. Rejects with its output if it ends
 * before.
 */
export async function startEnvoy(
  path: string,
  given: { readonly upstreamPort: number; readonly folder: string },
): Promise<RunningEnvoy> {
  const folder = join(given.folder, "envoy");
  await mkdir(folder);
  const [port, adminPort] = [await freePort(), await freePort()];
  const descriptorPath = join(folder, "wrap.pb");
  const accessLogPath = join(folder, "access.log");
  const configPath = join(folder, "envoy.json");
  const { upstreamPort } = given;
  const options = { port, adminPort, upstreamPort, descriptorPath, accessLogPath };
  await writeFile(descriptorPath, descriptorSet());
  await writeFile(configPath, JSON.stringify(envoyConfiguration(options)));

  const printedTo = join(folder, "output.log");
  const out = openSync(printedTo, "w");
  // Without hot restart, because that shares memory with any other Envoy of the machine.
  const flags = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"];
  const child = spawn(path, ["--config-path", configPath, ...flags], {
    stdio: ["ignore", out, out],
  });
  const ended = once(child, "exit");
  const death = ended.then(() => {
    const printed = readFileSync(printedTo, "utf8").slice(-2_000);
    throw new Error(`envoy ended; it printed last:\n${printed}`);
  });
  death.catch(() => {});
  const dispose = async (): Promise<void> => {
    child.kill("SIGTERM");
    const impatient = setTimeout(() => child.kill("SIGKILL"), patienceMs);
    await ended;
    clearTimeout(impatient);
  };

  const pid = child.pid ?? 0;
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  try {
    await untilAnswering(`${adminUrl}/ready`, death);
    // Throws where the system does not tell it, before the rounds.
    processorMicros(pid);
    if (!threadNames(pid).includes("wrk:worker_0")) {
      throw new Error(`${path} starts Envoy as another process, whose processor time is unknown`);
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    port,
    adminUrl,
    accessLogPath,
    cpuMicros: async () => processorMicros(pid),
    [Symbol.asyncDispose]: dispose,
  };
}
