/** Reads the configuration again while the gateway serves, and applies it whole or not at all. */
import type { Logger } from "pino";
import { ConfigError, type ConfigProblem } from "../../config/config-error.ts";
import type { ConfigReading } from "../../config/config-source.ts";
import type { Config } from "../../config/config.ts";
import { type ConfigState, findRestartNeeds } from "../../config/restart-needs.ts";
import type { ReloadMetrics } from "../../observability/metrics/reload-metrics.ts";
import type { Clock } from "../../platform/clock.ts";
import { watchFiles } from "../../platform/files/file-watch.ts";
import { createReloadParts, type NewState, type ReloadTargets } from "./reload-parts.ts";

/** Where the configuration comes from. */
export interface ReloadSource {
  /** The files and warnings of the configuration that the gateway was started with. */
  readonly first: Pick<ConfigReading, "files" | "warnings">;
  /** Reads it again. */
  readonly read: () => Promise<ConfigReading>;
  /** Time between two looks at the files, in milliseconds. Default 10,000. */
  readonly pollMs?: number | undefined;
}

/** Dependencies of `startReloads`. */
export interface ReloadDeps {
  readonly targets: Omit<ReloadTargets, "logger" | "wallNow">;
  readonly metrics: ReloadMetrics;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Why the configuration is read again. */
type Trigger = "signal" | "file";

/** A gateway that follows its configuration. Disposing of it ends that. */
export interface Reloads extends AsyncDisposable {
  /** Reads the configuration at once. Resolves when it has been applied or refused. */
  reload(): Promise<void>;
}

/** Starts to follow the files of the configuration that the gateway was started with. */
export function startReloads(config: Config, source: ReloadSource, deps: ReloadDeps): Reloads {
  const { metrics, logger, clock } = deps;
  const started: ConfigState = { config, files: source.first.files };
  const parts = createReloadParts(started, {
    ...deps.targets,
    logger,
    wallNow: () => clock.wallNow(),
  });
  let { stamps } = source.first.files;
  let warnings = textsOf(source.first.warnings);
  let refused: string | undefined;
  let needs = "";
  metrics.configStarted(clock.wallNow());

  const refuse = (trigger: Trigger, problems: readonly string[], error?: unknown): void => {
    const text = problems.join("\n");
    // It is read again at each look, because it may become valid, but said once.
    if (trigger === "file" && refused === text) return;
    refused = text;
    metrics.configReloaded("refused", clock.wallNow());
    logger.error(
      { trigger, problems, err: error },
      "the configuration was read again and is refused; the old state stays in use",
    );
  };

  const apply = (trigger: Trigger, next: NewState): void => {
    const steps = parts.flatMap((part) => {
      const step = part.prepare(next);
      return step === undefined ? [] : [{ name: part.name, step }];
    });
    // Everything is ready. From here on nothing waits and nothing fails, so that every call sees
    // either the old state or the new one.
    for (const { step } of steps) step();
    const changed = steps.map(({ name }) => name);
    metrics.configApplied(changed, clock.wallNow());
    metrics.configReloaded(changed.length > 0 ? "applied" : "unchanged", clock.wallNow());
    if (changed.length > 0) {
      const { certificates } = deps.targets;
      const isOfCertificates = certificates !== undefined && changed.includes("certificates");
      const expiresAt = isOfCertificates
        ? new Date(certificates.expiresAt).toISOString()
        : undefined;
      logger.info({ trigger, parts: changed, expiresAt }, "the configuration was reloaded");
    } else if (trigger === "signal" || refused !== undefined) {
      logger.info({ trigger }, "the configuration was read again, and nothing has to be applied");
    }
    refused = undefined;
  };

  const sayRestartNeeds = (present: ConfigState): void => {
    const settings = findRestartNeeds(started, present);
    metrics.restartNeeds(settings.length);
    const text = settings.join();
    if (text !== needs && text !== "")
      logger.warn({ settings }, "a changed setting needs a restart");
    needs = text;
  };

  const sayWarnings = (found: readonly ConfigProblem[]): void => {
    const texts = textsOf(found);
    const added = texts.filter((text) => !warnings.includes(text));
    warnings = texts;
    if (added.length > 0) logger.warn({ problems: added }, "the configuration may not be meant so");
  };

  const readAndApply = async (trigger: Trigger): Promise<void> => {
    try {
      const reading = await source.read();
      if (isClosed) return;
      ({ stamps } = reading.files);
      const { result, files, textOf } = reading;
      if (result instanceof ConfigError) return refuse(trigger, textsOf(result.problems));
      apply(trigger, { config: result, files, textOf });
      sayRestartNeeds({ config: result, files });
      sayWarnings(reading.warnings);
    } catch (error) {
      refuse(trigger, ["it cannot be applied"], error);
    }
  };

  let isClosed = false;
  let last = Promise.resolve();
  /** One after the other: two at once could apply the older of two readings last. */
  const run = (trigger: Trigger): Promise<void> => {
    last = last.then(() => (isClosed ? undefined : readAndApply(trigger)));
    return last;
  };
  const watch = watchFiles({
    present: () => stamps,
    isRetryDue: () => refused !== undefined,
    onChange: () => run("file"),
    clock,
    pollMs: source.pollMs,
  });
  return {
    reload: () => run("signal"),
    [Symbol.asyncDispose]() {
      isClosed = true;
      watch[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}

const textsOf = (problems: readonly ConfigProblem[]): string[] =>
  problems.map(({ at, what }) => `${at}: ${what}`);
