/** Metrics of the configuration that is read again while the gateway runs. */
import { createCellFamily } from "./families.ts";
import type { Exposition, MetricDefinition } from "./families.ts";

/** Definitions of the metrics. */
export const reloadDefinitions = {
  credentialUsed: {
    name: "keyprotect_gateway_credential_used_timestamp_seconds",
    type: "gauge",
    help: "Unix time at which the instance's present credential last gave a token; 0 if it has not.",
    labels: ["instance"],
  },
  reloads: {
    name: "keyprotect_gateway_config_reloads_total",
    type: "counter",
    help: "Times that the configuration was read again, on SIGHUP or because a file changed.",
    labels: ["result"],
  },
  reloadOk: {
    name: "keyprotect_gateway_config_last_reload_successful",
    type: "gauge",
    help: "0 while the files say something that cannot be used, and the old state is kept; else 1.",
    labels: [],
  },
  reloadedAt: {
    name: "keyprotect_gateway_config_last_reload_success_timestamp_seconds",
    type: "gauge",
    help: "Unix time of the last start or reload that was not refused.",
    labels: [],
  },
  partAppliedAt: {
    name: "keyprotect_gateway_config_applied_timestamp_seconds",
    type: "gauge",
    help: "Unix time since which the present state of a part of the configuration applies.",
    labels: ["part"],
  },
  restartNeeds: {
    name: "keyprotect_gateway_config_restart_needs",
    type: "gauge",
    help: "Settings that have changed in the files and apply after a restart only.",
    labels: [],
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

/** Parts of the configuration that can be replaced while the gateway runs. */
export const reloadParts = [
  "certificates",
  "credentials",
  "policy",
  "logLevel",
  "redisPassword",
] as const;

/** A part of the configuration that can be replaced while the gateway runs. */
export type ReloadPartName = (typeof reloadParts)[number];

/** Outcome of reading the configuration again. */
export type ReloadResult = "applied" | "unchanged" | "refused";

/** Counts and shows reloads. Its functions need no `this`. */
export interface ReloadMetrics {
  /** Notes the start with all parts, at this time in milliseconds since the Unix epoch. */
  readonly configStarted: (wallMs: number) => void;
  /** Notes that the configuration was read again at this time. */
  readonly configReloaded: (result: ReloadResult, wallMs: number) => void;
  /** Notes that these parts have a new state since this time. */
  readonly configApplied: (parts: readonly ReloadPartName[], wallMs: number) => void;
  /** Sets the number of settings that need a restart. */
  readonly restartNeeds: (count: number) => void;
}

/** Creates the metrics. They show nothing about the configuration before it is said to be there. */
export function createReloadMetrics(): ReloadMetrics & {
  readonly families: readonly Exposition[];
} {
  const reloads = createCellFamily(reloadDefinitions.reloads);
  const ok = createCellFamily(reloadDefinitions.reloadOk);
  const readAt = createCellFamily(reloadDefinitions.reloadedAt);
  const appliedAt = createCellFamily(reloadDefinitions.partAppliedAt);
  const needs = createCellFamily(reloadDefinitions.restartNeeds);
  const configApplied: ReloadMetrics["configApplied"] = (parts, wallMs) => {
    for (const part of parts) appliedAt.cell(part).value = wallMs / 1_000;
  };
  const results: readonly ReloadResult[] = ["applied", "unchanged", "refused"];
  for (const result of results) reloads.cell(result);
  return {
    families: [reloads, ok, readAt, appliedAt, needs],
    configStarted(wallMs) {
      ok.cell().value = 1;
      readAt.cell().value = wallMs / 1_000;
      configApplied(reloadParts, wallMs);
    },
    configReloaded(result, wallMs) {
      reloads.cell(result).value += 1;
      ok.cell().value = result === "refused" ? 0 : 1;
      if (result !== "refused") readAt.cell().value = wallMs / 1_000;
    },
    configApplied,
    restartNeeds(count) {
      needs.cell().value = count;
    },
  };
}
