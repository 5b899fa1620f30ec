/** The process: reads the configuration, starts the gateway, waits for a signal, drains. */
import { statSync } from "node:fs";
import { parseArgs } from "node:util";
import { ConfigError, configExitCode } from "./config/config-error.ts";
import type { Config } from "./config/config.ts";
import { readConfigSources } from "./config/config-source.ts";
import { describeConfig } from "./config/describe-config.ts";
import { startGateway } from "./gateway/start-gateway.ts";
import { createLogger } from "./observability/logging/logger.ts";
import { disclosingNodeSettings, drainSignals, ignoreSignals } from "./gateway/node-defaults.ts";
import type { ReloadSource } from "./gateway/reload/reload.ts";
import { systemClock } from "./platform/clock.ts";

const usage = `usage: keyprotect-gateway [--check-config [--online]]
       keyprotect-gateway kms doctor --help
       keyprotect-gateway migrate --help

A gRPC gateway to IBM Key Protect. It is configured by environment variables and the YAML file that
GATEWAY_CONFIG names.

  --check-config  check the configuration and its files, print it without secrets, and exit
  --online        with --check-config: also reach IAM, Key Protect and Redis without changing
                  anything there, and print a report instead of the configuration
  --help          print this text and exit
`;

/** The command line. */
interface Arguments {
  readonly isCheck: boolean;
  readonly isOnline: boolean;
  readonly isHelp: boolean;
}

/** Parses the command line; `undefined` if it is invalid. */
function readArguments(): Arguments | undefined {
  try {
    const { values } = parseArgs({
      options: {
        "check-config": { type: "boolean", default: false },
        online: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const { "check-config": isCheck, online: isOnline, help: isHelp } = values;
    return isOnline && !isCheck ? undefined : { isCheck, isOnline, isHelp };
  } catch {
    return undefined;
  }
}

/** The configuration of the start, and where it can be read again. */
interface StartConfig {
  readonly config: Config;
  readonly reload: ReloadSource;
}

/** The mode bits of a file; `undefined` if they cannot be read. */
const modeOf = (path: string): number | undefined =>
  statSync(path, { throwIfNoEntry: false })?.mode;

/**
 * Reads the configuration; if it cannot be used, prints the problems and returns `undefined`. A
 * check also warns of files that a start has no reason to look at.
 */
async function readConfig(isCheck: boolean): Promise<StartConfig | undefined> {
  const sources = { env: { ...process.env }, workingDirectory: process.cwd() };
  const read = (): ReturnType<typeof readConfigSources> => readConfigSources(sources);
  const { result, warnings, files } = await (isCheck
    ? readConfigSources({ ...sources, modeOf })
    : read());
  if (result instanceof ConfigError) {
    process.stderr.write(`${result.message}\n`);
    return undefined;
  }
  for (const { at, what } of warnings) process.stderr.write(`WARNING: ${at}: ${what}\n`);
  return { config: result, reload: { first: { files, warnings }, read } };
}

/** Resolves with the next signal that asks for a drain. */
const firstSignal = (): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    for (const signal of drainSignals) process.once(signal, resolve);
  });

/**
 * Makes `process.exit` end the process even if a thread of libuv hangs: in the log's file, in DNS,
 * on a file system that does not answer. The exit would wait for that thread for ever.
 */
function endDespiteThreads(): void {
  process.once("exit", () => {
    const work = process.getActiveResourcesInfo();
    if (work.some((name) => /^(?:FSReq|FileHandle|GetAddrInfo|GetNameInfo)/.test(name))) {
      process.kill(process.pid, "SIGKILL");
    }
  });
}

/** Serves until a signal and returns the exit code: 0, or 1 if the gateway cannot serve. */
async function serve({ config, reload }: StartConfig): Promise<number> {
  const logger = createLogger({ level: config.logLevel });
  endDespiteThreads();
  const signalled = firstSignal();
  try {
    const gateway = await startGateway(config, { logger, reload });
    process.on("SIGHUP", () => void gateway.reload());
    const signal = await signalled;
    logger.info({ signal }, "draining; a second signal ends the process immediately");
    void firstSignal().then(() => logger.flush(() => process.exit(1)));
    await gateway.drain();
    logger.info("stopped");
    return 0;
  } catch (error) {
    logger.fatal({ err: error }, "the gateway cannot serve");
    return 1;
  } finally {
    await new Promise<void>((resolve) => logger.flush(() => resolve()));
  }
}

/** Runs a sub-command; `undefined` if the command line names none. */
async function runSubCommand(): Promise<number | undefined> {
  const [name, ...args] = process.argv.slice(2);
  if (name === "kms") {
    const { runKms } = await import("./doors/kubernetes-kms/doctor/command.ts");
    const { stdout, stderr } = process;
    return runKms(args, {
      stdout,
      stderr,
      readConfig: async () => (await readConfig(false))?.config,
    });
  }
  if (name !== "migrate") return undefined;
  const { runMigrate } = await import("./migrate/command.ts");
  const stopping = new AbortController();
  void firstSignal()
    .then(() => stopping.abort())
    .then(firstSignal)
    .then(() => process.exit(1));
  const { stdout, stderr } = process;
  const io = { stdout, stderr, signal: stopping.signal, clock: systemClock, random: Math.random };
  return runMigrate(args, io);
}

/** Prints the report of the online check and returns the exit code: 1 if a step failed. */
async function reportOnline(config: Config): Promise<number> {
  endDespiteThreads();
  const [{ checkOnline }, { formatReport, isFlawless }] = await Promise.all([
    import("./gateway/online-check/check-online.ts"),
    import("./gateway/online-check/report.ts"),
  ]);
  const sections = await checkOnline(config);
  process.stdout.write(formatReport(sections));
  return isFlawless(sections) ? 0 : 1;
}

/** Runs the process and returns its exit code; 64 (`EX_USAGE`) for an invalid command line. */
async function main(): Promise<number> {
  ignoreSignals();
  for (const warning of disclosingNodeSettings(process.env, process.execArgv)) {
    process.stderr.write(`WARNING: ${warning}\n`);
  }
  const subCommand = await runSubCommand();
  if (subCommand !== undefined) return subCommand;
  const flags = readArguments();
  if (flags === undefined) {
    process.stderr.write(usage);
    return 64;
  }
  if (flags.isHelp) {
    process.stdout.write(usage);
    return 0;
  }
  const start = await readConfig(flags.isCheck);
  if (start === undefined) return configExitCode;
  if (flags.isOnline) return reportOnline(start.config);
  if (flags.isCheck) {
    process.stdout.write(describeConfig(start.config));
    return 0;
  }
  return serve(start);
}

// Not `process.exit` at once: output to a pipe may still be pending. The timer covers a peer that
// stopped in the middle of a handshake, which would keep a drained process alive.
process.exitCode = await main();
setTimeout(() => process.exit(), 1_000).unref();
