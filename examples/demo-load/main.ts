/**
 * Shows the console something to draw: `npm run demo:load`. It starts the embedded Key Protect and
 * a gateway, and puts load on them until Ctrl-C: several callers, a quota that changes, bursts of
 * faults. GATEWAY_ADMIN_LISTEN applies.
 */
import { startDemoLoad } from "./load.ts";

const startedAt = performance.now();
await using load = await startDemoLoad({
  adminListen: process.env["GATEWAY_ADMIN_LISTEN"] ?? "127.0.0.1:9464",
  onStep(title) {
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    console.error(`${String(seconds).padStart(5)} s  ${title}`);
  },
});
console.error(`console  ${load.url} (open it in a browser; Ctrl-C ends)\n`);
await new Promise((resolve) => {
  process.once("SIGINT", resolve);
  process.once("SIGTERM", resolve);
});
