/** A flood of 100,000 calls at once. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createIdentities } from "../../bench/load/identities.ts";
import type { FloodQuestions } from "../../bench/load/flood-worker.ts";
import { startQuotaUpstream } from "../../bench/load/quota-upstream.ts";
import { createNames, gatewaySettings } from "../../bench/load/run-options.ts";
import { startWorker } from "../../bench/load/worker.ts";
import { startSourceGateway } from "./source-gateway.ts";

const perSecond = 100;
const calls = 100_000;

const mebibyte = 1_024 * 1_024;

/** The limit of memory that the manifests set for a pod, in MiB. */
const podMebibytes = Number(
  /limits: \{ memory: (\d+)Mi \}/.exec(
    readFileSync(
      join(import.meta.dirname, "..", "..", "deploy/kubernetes/base/deployment.yaml"),
      "utf8",
    ),
  )?.[1],
);

/**
 * V8 sees the limit of a pod and allows the heap of old objects half of it. On a machine with more
 * memory it lets more garbage stand before it collects: then the peak of this flood tells how much,
 * which differs by the version of Node (docs/decisions/0040), and not what the gateway needs.
 */
const heapOfPod = `--max-old-space-size=${podMebibytes / 2}`;

test(
  "100,000 calls at once each get a typed answer, in bounded memory that is freed afterwards",
  { timeout: 300_000 },
  async () => {
    await using upstream = await startQuotaUpstream({ shape: "bucket", perSecond });
    await using identities = await createIdentities(createNames("caller", 10));
    await using gateway = await startSourceGateway(
      upstream,
      gatewaySettings({
        ...identities.env,
        GATEWAY_RATE_CEILING: String(perSecond),
        // As in the image, whose admin listener is beyond loopback. Together they hold 20 MiB.
        GATEWAY_CONSOLE: "off",
        GATEWAY_REFLECTION: "off",
      }),
      [heapOfPod],
    );
    const idle = await gateway.holdings();
    await using load = startWorker<FloodQuestions>(
      new URL("../../bench/load/flood-worker.ts", import.meta.url),
    );
    const { address } = gateway;
    const { callers } = identities;
    const { keyId } = upstream;
    // A warm-up creates everything that exists once, such as compiled code, before the count
    // starts.
    await load.ask("flood", { address, callers, keyId, calls: 4_000 });
    const before = await gateway.holdings();

    const startedAt = performance.now();
    const outcomes = await load.ask("flood", { address, callers, keyId, calls });
    const seconds = (performance.now() - startedAt) / 1_000;
    const after = await gateway.holdings();

    const total = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
    expect(total).toBe(calls);
    // Each failure is an answer of the gateway with a reason.
    const unsaid = /untyped|WRONG/;
    expect(Object.keys(outcomes).filter((outcome) => unsaid.test(outcome))).toEqual([]);
    // On an idle machine all of the quota is used. If timers and responses waited behind
    // rejections, only a tenth would be.
    expect(outcomes["OK"]).toBeGreaterThan(0.4 * perSecond * seconds);
    expect(after.mostResidentBytes).toBeLessThan(0.75 * podMebibytes * mebibyte);
    expect(after.heapBytes / before.heapBytes).toBeLessThan(1.05);
    // The last timers of connections and of the limiter run out.
    await expect
      .poll(async () => (await gateway.holdings()).timers, { timeout: 10_000 })
      .toBeLessThanOrEqual(idle.timers);
  },
);
