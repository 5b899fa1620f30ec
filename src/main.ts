/** The process: configuration in, gateway up, signal, gateway down. */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { ConfigError, configExitCode } from "./config/config-error.ts";
import type { Config } from "./config/config.ts";
import { describeConfig } from "./config/describe-config.ts";
import { loadConfig } from "./config/load-config.ts";
import { startGateway } from "./gateway/start-gateway.ts";
import { createLogger } from "./observability/logging/logger.ts";

const usage = `usage: keyprotect-gateway [--check-config]

Serves gRPC in front of IBM Key Protect. Everything is configured by environment variables and the
YAML file that GATEWAY_CONFIG names.

  --check-config  prints the effective configuration, secrets redacted, and exits
  --help          prints this text and exits
`;

function readArguments(): { isCheck: boolean; isHelp: boolean } | undefined {
  try {
    const { values } = parseArgs({
      options: {
        "check-config": { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    return { isCheck: values["check-config"], isHelp: values.help };
  } catch {
    return undefined;
  }
}

function readConfig(): Config | undefined {
  try {
    return loadConfig({ env: process.env, readFile: (path) => readFileSync(path, "utf8") });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return undefined;
  }
}

const firstSignal = (): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, resolve);
  });

async function serve(config: Config): Promise<number> {
  const logger = createLogger({ level: config.logLevel });
  const signalled = firstSignal();
  try {
    const gateway = await startGateway(config, { logger });
    const signal = await signalled;
    logger.info({ signal }, "draining; a second signal ends the process at once");
    void firstSignal().then(() => process.exit(1));
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

async function main(): Promise<number> {
  const flags = readArguments();
  if (flags === undefined) {
    process.stderr.write(usage);
    return 64;
  }
  if (flags.isHelp) {
    process.stdout.write(usage);
    return 0;
  }
  const config = readConfig();
  if (config === undefined) return configExitCode;
  if (flags.isCheck) {
    process.stdout.write(describeConfig(config));
    return 0;
  }
  return serve(config);
}

// Not `process.exit`: what was written to a pipe is still on its way. But a peer that stopped talking in the middle of a
// handshake must not keep a drained process.
process.exitCode = await main();
setTimeout(() => process.exit(), 1_000).unref();
