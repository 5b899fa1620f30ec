/** Starts Envoy for the bench. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, openSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { isAnswering, poll } from "../child.ts";
import { envoyConfiguration } from "./configuration.ts";
import { processorMicros, threadNames } from "./processor-time.ts";
import { descriptorSet } from "./transcoded-wrap.ts";

/** Where an Envoy listens. */
interface Served {
  /** Serves the wrap of `transcodedWrap`. */
  readonly port: number;
  readonly adminUrl: string;
}

/** A running Envoy. Disposal ends it, after 5 s by force. */
export interface RunningEnvoy extends AsyncDisposable, Served {
  readonly accessLogPath: string;
  /** Processor time used so far, in µs, user and system. */
  cpuMicros(): Promise<number>;
}

const patienceMs = 5_000;

const listeners = z.object({
  listener_statuses: z.tuple([
    z.object({ local_address: z.object({ socket_address: z.object({ port_value: z.number() }) }) }),
  ]),
});

/**
 * Asks an Envoy where it listens. `adminPath` is the file into which it writes the address of its
 * admin listener. Resolves to `undefined` until it serves.
 */
async function findServed(adminPath: string): Promise<Served | undefined> {
  if (!existsSync(adminPath)) return undefined;
  const adminUrl = `http://${await readFile(adminPath, "utf8")}`;
  if (!(await isAnswering(`${adminUrl}/ready`))) return undefined;
  const answer = await fetch(`${adminUrl}/listeners?format=json`);
  const [{ local_address }] = listeners.parse(await answer.json()).listener_statuses;
  return { port: local_address.socket_address.port_value, adminUrl };
}

/**
 * Starts Envoy with one worker and resolves when it serves. Rejects with its output if it ends
 * before.
 */
export async function startEnvoy(
  path: string,
  given: { readonly upstreamPort: number; readonly folder: string },
): Promise<RunningEnvoy> {
  const folder = await mkdtemp(join(given.folder, "envoy-"));
  const descriptorPath = join(folder, "wrap.pb");
  const accessLogPath = join(folder, "access.log");
  const adminPath = join(folder, "admin");
  const configPath = join(folder, "envoy.json");
  const { upstreamPort } = given;
  const options = { upstreamPort, descriptorPath, accessLogPath };
  await writeFile(descriptorPath, descriptorSet());
  await writeFile(configPath, JSON.stringify(envoyConfiguration(options)));

  const printedTo = join(folder, "output.log");
  const out = openSync(printedTo, "w");
  // Without hot restart, because that shares memory with any other Envoy of the machine.
  const flags = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"];
  const files = ["--config-path", configPath, "--admin-address-path", adminPath];
  const child = spawn(path, [...files, ...flags], {
    stdio: ["ignore", out, out],
  });
  const kill = (): void => void child.kill("SIGKILL");
  // Unlike the processes on node, Envoy does not notice that the bench has ended.
  process.once("exit", kill);
  const ended = once(child, "exit");
  const death = ended.then(() => {
    const printed = readFileSync(printedTo, "utf8").slice(-2_000);
    throw new Error(`envoy ended; it printed last:\n${printed}`);
  });
  death.catch(() => {});
  const dispose = async (): Promise<void> => {
    child.kill("SIGTERM");
    const impatient = setTimeout(kill, patienceMs);
    await ended;
    clearTimeout(impatient);
    process.off("exit", kill);
  };

  const pid = child.pid ?? 0;
  let served: Served;
  try {
    served = await poll(() => findServed(adminPath), death);
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
    ...served,
    accessLogPath,
    cpuMicros: async () => processorMicros(pid),
    [Symbol.asyncDispose]: dispose,
  };
}
