/** The gauges that are read from the instances at each scrape. */
import type { UpstreamState } from "../../upstream/state.ts";
import { metricDefinitions as definitions } from "./definitions.ts";
import { createCellFamily } from "./families.ts";
import type { Exposition } from "./families.ts";

/** Gauges that are read from instances at each scrape, so that calls do not pay for them. */
export interface UpstreamGauges extends Exposition {
  /** Adds an instance by its alias. `read` must not throw. */
  readonly watch: (instance: string, read: () => UpstreamState) => void;
}

const phases: readonly UpstreamState["rate"]["phase"][] = [
  "unpaced",
  "slow-start",
  "hold",
  "probe",
  "blackout",
];
const classes = ["interactive", "management", "bulk"] as const;

/** Creates the gauges of a gateway without instances. */
export function createUpstreamGauges(): UpstreamGauges {
  const instances = new Map<string, () => UpstreamState>();
  return {
    watch: (instance, read) => void instances.set(instance, read),
    text() {
      const queued = createCellFamily(definitions.queued);
      const rate = createCellFamily(definitions.rate);
      const safeRate = createCellFamily(definitions.safeRate);
      const phase = createCellFamily(definitions.quotaPhase);
      const pause = createCellFamily(definitions.pause);
      const budget = createCellFamily(definitions.retryBudget);
      for (const [instance, read] of instances) {
        const state = read();
        const { perSecond, safePerSecond, pausedForMs = 0 } = state.rate;
        for (const name of classes) queued.cell(instance, name).value = state.queue[name];
        if (perSecond !== undefined) rate.cell(instance).value = perSecond;
        if (safePerSecond !== undefined) safeRate.cell(instance).value = safePerSecond;
        for (const name of phases) {
          phase.cell(instance, name).value = name === state.rate.phase ? 1 : 0;
        }
        pause.cell(instance).value = pausedForMs / 1_000;
        budget.cell(instance).value = state.retryBudget;
      }
      return [queued, rate, safeRate, phase, pause, budget].map((each) => each.text()).join("\n");
    },
  };
}
