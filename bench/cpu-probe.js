/** Loaded into every process before its own program: tells how much processor time the process has used. */
import { onAsk } from "./messages.js";
onAsk("cpu", () => process.cpuUsage());
// Nobody is left to measure for.
process.on("disconnect", () => process.exit());
