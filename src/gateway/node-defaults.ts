/** Replaces defaults of Node that a process with keys must not have. */

/** Signals that end the process after a drain. */
export const drainSignals = ["SIGTERM", "SIGINT", "SIGQUIT"] as const;

/**
 * Replaces Node's reactions to signals. SIGUSR1 would open the inspector, through which anyone on
 * the loopback can read the memory. SIGHUP and SIGUSR2 would end the process without a drain. A
 * gateway that serves reads its configuration again on SIGHUP; before that, the signal has no
 * effect.
 */
export function ignoreSignals(): void {
  for (const signal of ["SIGUSR1", "SIGUSR2", "SIGHUP"] as const) process.on(signal, () => {});
}

const inspecting = /(?:^|[\s"=])--(?:inspect|debug)(?:[-\s="]|$)/;
const reporting = /(?:^|[\s"])--report[-_]/;

/**
 * Describes the settings of Node with which it would disclose secrets. The texts contain no
 * values.
 */
export function disclosingNodeSettings(
  env: Readonly<Record<string, string | undefined>>,
  execArgv: readonly string[],
): string[] {
  const options = [...execArgv, env["NODE_OPTIONS"] ?? ""].join(" ");
  return [
    inspecting.test(options)
      ? "the inspector is on (--inspect): who reaches its port reads all keys"
      : undefined,
    reporting.test(options)
      ? "diagnostic reports are on (--report-...): they hold the environment"
      : undefined,
    env["NODE_DEBUG"] ? "NODE_DEBUG is set: it prints plaintexts on standard error" : undefined,
  ].filter((text) => text !== undefined);
}
