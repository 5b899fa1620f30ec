/**
 * Loaded into every child process before its program. Answers how much processor time it has used.
 */
import { onAsk } from "./messages.ts";

onAsk("cpu", () => process.cpuUsage());
// The bench has ended.
process.on("disconnect", () => process.exit());
