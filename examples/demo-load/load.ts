/**
 * The load of `npm run demo:load`: callers with different needs, a quota that changes, and bursts
 * of faults. It repeats until it is ended.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FaultAction } from "../../src/emulator/control/faults.ts";
import { createCertificateAuthority } from "../../test/support/certificates.ts";
import { localInstanceIds, startLocalGateway, type LocalGateway } from "../local-gateway.ts";
import {
  type Caller,
  type CallerPlan,
  createSharedKey,
  keepCalling,
  openCaller,
  type SharedKey,
} from "./callers.ts";

/** The callers. Together they want about 70 requests per second of the first instance. */
const plans: readonly CallerPlan[] = [
  { name: "payments/checkout", perSecond: 26, does: "unwrap" },
  { name: "orders/archive", perSecond: 16, does: "wrap" },
  { name: "billing/invoices", perSecond: 12, does: "unwrap" },
  { name: "mail/attachments-of-the-customer-service", perSecond: 8, does: "wrap" },
  { name: "audit/nightly-rewrap", perSecond: 6, does: "rewrap" },
  { name: "orders/provisioning", perSecond: 2, does: "create" },
  { name: "ops/inventory", perSecond: 1.5, does: "list" },
  { name: "legacy/tax-reports", perSecond: 6, does: "unwrap", instance: "api-2019" },
  { name: "legacy/tax-reports", perSecond: 2, does: "read", instance: "api-2019" },
];

/** A change at a certain second of a round. */
interface Step {
  readonly at: number;
  readonly title: string;
  readonly run: (local: LocalGateway) => void;
}

const setQuota =
  (ratePerSecond: number) =>
  ({ emulator }: LocalGateway): void =>
    emulator.quota.set({ ratePerSecond, burst: ratePerSecond }, localInstanceIds.default);

const plantFaults =
  (seconds: number, probability: number, action: FaultAction) =>
  ({ emulator }: LocalGateway): void => {
    const match = { instanceId: localInstanceIds.default };
    const id = emulator.faults.add({ match, probability, action });
    setTimeout(() => emulator.faults.remove(id), seconds * 1_000).unref();
  };

const steps: readonly Step[] = [
  { at: 0, title: "a quota of 60 per second", run: setQuota(60) },
  { at: 75, title: "a quota of 200 per second", run: setQuota(200) },
  {
    at: 120,
    title: "one answer in ten is a 503",
    run: plantFaults(8, 0.1, { kind: "respond", status: 503 }),
  },
  { at: 165, title: "a quota of 30 per second", run: setQuota(30) },
  { at: 225, title: "a quota of 120 per second", run: setQuota(120) },
  {
    at: 255,
    title: "Key Protect fails for 6 seconds",
    run: plantFaults(6, 1, { kind: "respond", status: 500 }),
  },
  {
    at: 300,
    title: "one connection in fifty is reset",
    run: plantFaults(5, 0.02, { kind: "reset", when: "before-processing" }),
  },
];
/** Seconds of a round. */
const roundSeconds = 330;

/** A gateway under load. Disposing of it ends the load, the gateway and Key Protect. */
export interface DemoLoad extends AsyncDisposable {
  /** Address of the console. */
  readonly url: string;
}

/** Starts Key Protect, the gateway and the load. `onStep` is told of each change. */
export async function startDemoLoad(options: {
  readonly adminListen: string;
  readonly onStep: (title: string) => void;
}): Promise<DemoLoad> {
  const folder = mkdtempSync(join(tmpdir(), "keyprotect-demo-"));
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const authority = createCertificateAuthority("demo authority");
  const { cert, key } = authority.issue({ dnsNames: ["localhost"], usages: ["server"] });
  const local = await startLocalGateway({
    listen: "127.0.0.1:0",
    adminListen: options.adminListen,
    logLevel: "silent",
    latencyMs: 18,
    env: {
      GATEWAY_TLS_CERT_FILE: write("cert.pem", cert),
      GATEWAY_TLS_KEY_FILE: write("key.pem", key),
      GATEWAY_TLS_CLIENT_CA_FILE: write("ca.pem", authority.cert),
      GATEWAY_TLS_TRUST_DOMAINS: "demo.example",
      GATEWAY_CONSOLE_CALLERS: "true",
      // All callers of a kind send the same request.
      GATEWAY_COALESCE_READS: "false",
      GATEWAY_COALESCE_UNWRAPS: "false",
    },
  });
  local.emulator.faults.add({ match: { service: "keyprotect" }, probability: 0.2, delayMs: 30 });
  local.emulator.faults.add({ match: { service: "keyprotect" }, probability: 0.02, delayMs: 160 });
  const ended = new AbortController();
  const callers: Caller[] = [];
  const keys = new Map<string, SharedKey>();
  const setup = openCaller(local.address, authority, "setup");
  for (const instance of Object.keys(localInstanceIds)) {
    keys.set(instance, await createSharedKey(setup, instance));
  }
  callers.push(setup);
  const running = plans.map((plan) => {
    const caller = openCaller(local.address, authority, plan.name);
    callers.push(caller);
    const shared = keys.get(plan.instance ?? "default");
    if (shared === undefined) throw new Error("there is no key for this instance");
    /** Demand rises and falls slowly, differently for each caller. */
    const phase = Math.random() * 6;
    const factor = (): number => 1 + 0.25 * Math.sin(performance.now() / 20_000 + phase);
    return keepCalling(caller, plan, shared, { factor, signal: ended.signal });
  });
  const round = (): void => {
    for (const { at, title, run } of steps) {
      const timer = setTimeout(() => {
        if (ended.signal.aborted) return;
        options.onStep(title);
        run(local);
      }, at * 1_000);
      timer.unref();
    }
  };
  round();
  const rounds = setInterval(round, roundSeconds * 1_000);
  rounds.unref();
  const { host, port } = local.gateway.admin;
  return {
    url: `http://${host}:${port}/console`,
    async [Symbol.asyncDispose]() {
      clearInterval(rounds);
      ended.abort();
      await Promise.all(running);
      for (const caller of callers) caller[Symbol.dispose]();
      await local[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
