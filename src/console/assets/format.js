/** Formats numbers, times and spans. */

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });
const minutes = new Intl.DateTimeFormat(undefined, { timeStyle: "short", hourCycle: "h23" });

/** The time of day, to the second. @param {number} ms */
export const timeText = (ms) => clock.format(ms);

/** The time of day, to the minute. @param {number} ms */
export const minuteText = (ms) => minutes.format(ms);

/** A number of few digits. @param {number | null | undefined} value */
export function numberText(value) {
  if (value === null || value === undefined) return "–";
  return String(Number(value.toFixed(value < 100 ? 1 : 0)));
}

/** A time span such as `4 min` or `89 d`. @param {number} seconds */
export function spanText(seconds) {
  if (seconds >= 172_800) return `${Math.floor(seconds / 86_400)} d`;
  if (seconds >= 7_200) return `${Math.floor(seconds / 3_600)} h`;
  if (seconds >= 120) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds)} s`;
}

/** A latency such as `35 ms` or `2.5 s`. @param {number | null | undefined} seconds */
export function latencyText(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds >= 1) return `${numberText(seconds)} s`;
  return `${seconds >= 0.1 ? Math.round(seconds * 1_000) : numberText(seconds * 1_000)} ms`;
}

/** The state of a circuit in words. @param {string} state */
export const circuitText = (state) => (state === "halfOpen" ? "half-open" : state);
