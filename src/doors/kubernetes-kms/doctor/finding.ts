/** One thing that the doctor found. */
export interface Finding {
  /**
   * - `ok`: as it should be.
   * - `note`: may be meant; the operator should know.
   * - `problem`: encryption does not work, or not as meant. The doctor then ends with 1.
   */
  readonly level: "ok" | "note" | "problem";
  /** A place in the file, or an endpoint by its caller. */
  readonly at: string;
  /** The finding and, for a problem, the remedy. */
  readonly what: string;
}

/** Adds a finding. */
export type Report = (level: Finding["level"], at: string, what: string) => void;
