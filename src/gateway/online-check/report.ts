/** The report of the online check: its steps, and their text for an operator. */

/** One step of the check. */
export type Step = { readonly name: string } & StepResult;

/** The outcome of a step, in words that contain no secret. */
export type StepResult =
  | { readonly outcome: "ok"; readonly detail: string }
  | { readonly outcome: "failed"; readonly detail: string; readonly remedy: string }
  | { readonly outcome: "skipped"; readonly detail: string };

/** The steps of one instance, or of Redis. */
export interface Section {
  readonly title: string;
  readonly steps: readonly Step[];
}

/** A step that succeeded. */
export const ok = (detail: string): StepResult => ({ outcome: "ok", detail });

/** A step that failed, and what the operator can do about it. */
export const failed = (detail: string, remedy: string): StepResult => ({
  outcome: "failed",
  detail,
  remedy,
});

/** A step that was not made. */
export const skipped = (detail: string): StepResult => ({ outcome: "skipped", detail });

/** A step that is made only if the steps that later ones need did not fail. */
export interface PlannedStep {
  readonly name: string;
  /** Whether the steps after it can succeed only if it does. Default `true`. */
  readonly isNeeded?: boolean;
  readonly run: () => Promise<StepResult> | StepResult;
}

/**
 * Makes steps one after the other. After the failure of one that is needed, the others are skipped.
 * Never rejects: an unexpected error is a failed step.
 */
export async function runSteps(planned: readonly PlannedStep[]): Promise<Step[]> {
  const steps: Step[] = [];
  let missing: string | undefined;
  for (const { name, run, isNeeded = true } of planned) {
    const result = missing === undefined ? await runStep(run) : skipped(`needs ${missing}`);
    steps.push({ name, ...result });
    if (isNeeded && result.outcome === "failed") missing = name;
  }
  return steps;
}

async function runStep(run: PlannedStep["run"]): Promise<StepResult> {
  try {
    return await run();
  } catch (error) {
    const name = error instanceof Error ? error.name : "an unknown error";
    return failed(`the check itself failed (${name})`, "report this as a defect of the gateway");
  }
}

/** Whether no step failed. */
export const isFlawless = (sections: readonly Section[]): boolean =>
  sections.every(({ steps }) => steps.every(({ outcome }) => outcome !== "failed"));

/** Formats the report as lines of text. */
export function formatReport(sections: readonly Section[]): string {
  const steps = sections.flatMap((section) => section.steps);
  const width = Math.max(...steps.map(({ name }) => name.length));
  const lines = sections.flatMap((section) => [
    section.title,
    ...section.steps.flatMap((step) => linesOf(step, width)),
    "",
  ]);
  const countOf = (outcome: Step["outcome"]): number =>
    steps.filter((step) => step.outcome === outcome).length;
  const sum = `${countOf("ok")} ok, ${countOf("failed")} failed, ${countOf("skipped")} skipped`;
  return `${[...lines, sum].join("\n")}\n`;
}

function linesOf(step: Step, width: number): string[] {
  const word = step.outcome === "failed" ? "FAILED" : step.outcome;
  const line = `  ${word.padEnd(7)}  ${step.name.padEnd(width)}  ${step.detail}`.trimEnd();
  return step.outcome === "failed" ? [line, `${" ".repeat(11)}remedy: ${step.remedy}`] : [line];
}
