/**
 * `npm run bench:start`: the time from the start of the process until the health service answers
 * SERVING, the processor time until then, and the memory of the idle process, each beside
 * `node -e 0`. The forms are measured one after the other in each round.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { credentials } from "@grpc/grpc-js";
import { HealthCheckResponse_ServingStatus, HealthClient } from "../../src/gen/health/v1/health.ts";
import { freePort } from "../../test/support/free-port.ts";
import { apiKey, instanceId } from "../canned.ts";
import { describeMachine } from "../machine.ts";
import { measuredOn, nodeBinary } from "../node-binaries.ts";
import { nodeFlags } from "../node-flags.ts";
import { median } from "../statistics.ts";

const root = join(import.meta.dirname, "..", "..");

const usage = `usage: npm run bench:start -- [options]

Measures the forms of the gateway that \`npm run build\` wrote.

  --rounds <n>            number of rounds (default 15)
  --node <path>           the binary of node that runs them (default: this one)
  --also <name>=<main.js> a further gateway, such as that of another commit; can be repeated
  --help                  prints this text
`;

/** One program to start. */
interface Form {
  readonly name: string;
  /** Whether it serves until it is ended. */
  readonly isGateway: boolean;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The figures of one start. A program that ends by itself has the first one only. */
interface Start {
  readonly ms: number;
  readonly cpuMs: number | undefined;
  readonly rssMiB: number | undefined;
}

/** How long a gateway is idle before its memory is read, in milliseconds. */
const idleMs = 2_000;

/** A processor's ticks per second, in which the kernel counts. */
const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/** Processor time of a process in milliseconds: user and system. */
function cpuMsOf(pid: number): number {
  const [, afterName = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const fields = afterName.split(" ");
  return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1_000;
}

function rssMiBOf(pid: number): number {
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) / 1_024;
}

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });

/** Asks until the health service answers SERVING. Throws if the process ends before. */
async function untilServing(child: ChildProcess, port: number): Promise<void> {
  while (!(await isListening(port))) {
    if (child.exitCode !== null) throw new Error(`the gateway ended with ${child.exitCode}`);
    await sleep(2);
  }
  const health = new HealthClient(`127.0.0.1:${port}`, credentials.createInsecure());
  try {
    await new Promise<void>((resolve, reject) =>
      health.check({ service: "" }, (error, response) => {
        if (error !== null) reject(error);
        else if (response.status === HealthCheckResponse_ServingStatus.SERVING) resolve();
        else reject(new Error("the gateway does not serve"));
      }),
    );
  } finally {
    health.close();
  }
}

/** Starts a form, measures it and ends it. */
async function measure(node: string, { isGateway, args, env = {} }: Form): Promise<Start> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const startedAt = performance.now();
  const child = spawn(node, args, {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      ...(process.env["PATH"] === undefined ? {} : { PATH: process.env["PATH"] }),
      NODE_ENV: "production",
      KP_SERVICE_URL: "http://127.0.0.1:9",
      IAM_AUTH_URL: "http://127.0.0.1:9",
      KP_INSTANCE_ID: instanceId,
      IBMCLOUD_API_KEY: apiKey,
      GATEWAY_LISTEN: `127.0.0.1:${port}`,
      GATEWAY_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
      // As on a listener beyond loopback, which is the usual one.
      GATEWAY_REFLECTION: "off",
      ...env,
    },
  });
  const ended = once(child, "exit");
  const pid = child.pid ?? 0;
  if (!isGateway) {
    await ended;
    return { ms: performance.now() - startedAt, cpuMs: undefined, rssMiB: undefined };
  }
  await untilServing(child, port);
  const ms = performance.now() - startedAt;
  const cpuMs = cpuMsOf(pid);
  await sleep(idleMs);
  const rssMiB = rssMiBOf(pid);
  child.kill("SIGTERM");
  const impatient = setTimeout(() => child.kill("SIGKILL"), idleMs);
  await ended;
  clearTimeout(impatient);
  return { ms, cpuMs, rssMiB };
}

const gateway = (name: string, program: string, env = {}): Form => ({
  name,
  isGateway: true,
  args: [...nodeFlags(), program],
  env,
});

/** A further gateway, given as `name=path`. */
function further(text: string): Form {
  const at = text.indexOf("=");
  if (at < 1) throw new Error("--also takes a name, = and a path");
  return gateway(text.slice(0, at), text.slice(at + 1));
}

const shown = (value: number | undefined, digits = 0): string => value?.toFixed(digits) ?? "";
const medianOf = (values: readonly (number | undefined)[]): number | undefined => {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : median(known);
};

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "15" },
      node: { type: "string", default: process.execPath },
      also: { type: "string", multiple: true, default: [] },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return void process.stdout.write(usage);
  const machine = describeMachine();
  const node = nodeBinary(values.node);
  const cache = mkdtempSync(join(tmpdir(), "keyprotect-compiled-"));
  const bundle = join(root, "bundle", "main.js");
  const cached = gateway("bundle, compiled", bundle, { NODE_COMPILE_CACHE: cache });
  const forms: readonly Form[] = [
    { name: "node -e 0", isGateway: false, args: ["-e", "0"] },
    gateway("dist", join(root, "dist", "main.js")),
    gateway("bundle", bundle),
    cached,
    ...values.also.map(further),
  ];
  try {
    // Node writes its cache when this process ends.
    await measure(node.path, cached);
    const starts = new Map<Form, Start[]>(forms.map((form) => [form, []]));
    for (let round = 0; round < Number(values.rounds); round += 1) {
      for (const form of forms) starts.get(form)?.push(await measure(node.path, form));
    }
    console.log(`${machine}; ${measuredOn([node])}; medians of ${values.rounds} rounds\n`);
    console.log("| form | ms to SERVING | least | CPU ms | idle RSS, MiB |");
    console.log("| --- | ---: | ---: | ---: | ---: |");
    for (const [{ name }, of] of starts) {
      const times = of.map(({ ms }) => ms);
      const cpu = medianOf(of.map(({ cpuMs }) => cpuMs));
      const rss = medianOf(of.map(({ rssMiB }) => rssMiB));
      const columns = [shown(median(times)), shown(Math.min(...times)), shown(cpu), shown(rss, 1)];
      console.log(`| ${name} | ${columns.join(" | ")} |`);
    }
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
}

await main();
