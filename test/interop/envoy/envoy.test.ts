/** The arrangement `envoy` of the bench does what bench/README.md says of it. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials, status, type ServiceError } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { accessToken, instanceId, wrapAnswer, wrapPath } from "../../../bench/canned.ts";
import { findEnvoy } from "../../../bench/envoy/find-envoy.ts";
import { processorMicros } from "../../../bench/envoy/processor-time.ts";
import { startEnvoy, type RunningEnvoy } from "../../../bench/envoy/start-envoy.ts";
import { transcodedWrap } from "../../../bench/envoy/transcoded-wrap.ts";
import { startNode } from "../../process/child-process.ts";
import { portOf } from "../../support/free-port.ts";
import { isInstalled } from "../toolchains.ts";
import { envoyToolchain } from "./toolchain.ts";

interface Received {
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Envoy in front of an upstream that gives the answers in turn, the last one again and again. */
interface Arranged extends AsyncDisposable {
  readonly envoy: RunningEnvoy;
  readonly received: readonly Received[];
  readonly wrap: () => Promise<{ readonly error: ServiceError | null; readonly answer?: Buffer }>;
  /** Ends Envoy, which then writes the rest of its access log. Returns the lines. */
  readonly accessLog: () => Promise<readonly Readonly<Record<string, unknown>>[]>;
}

const refusal = '{"resources":[{"errorMsg":"Too many requests"}]}';
const ok = { status: 200, body: wrapAnswer };
const tooMany = { status: 429, body: refusal };

const same = (bytes: Buffer): Buffer => bytes;

async function arrange(...answers: readonly (typeof ok)[]): Promise<Arranged> {
  const received: Received[] = [];
  const upstream = createServer((request, response) => {
    const { url: path, headers } = request;
    let body = "";
    request.setEncoding("utf8").on("data", (part: string) => (body += part));
    request.once("end", () => {
      received.push({ path, headers, body });
      const answer = answers[Math.min(received.length, answers.length) - 1];
      response.writeHead(answer?.status ?? 500, { "content-type": "application/json" });
      response.end(answer?.body);
    });
  });
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  const folder = await mkdtemp(join(tmpdir(), "keyprotect-envoy-"));
  const { path = "" } = findEnvoy() ?? {};
  const envoy = await startEnvoy(path, { upstreamPort: portOf(upstream), folder });
  const client = new Client(`127.0.0.1:${envoy.port}`, credentials.createInsecure());
  const { path: method, request } = transcodedWrap();
  return {
    envoy,
    received,
    wrap: () =>
      new Promise((resolve) => {
        client.makeUnaryRequest(method, same, same, Buffer.from(request), (error, answer) =>
          resolve({ error, ...(answer === undefined ? {} : { answer }) }),
        );
      }),
    async accessLog() {
      await envoy[Symbol.asyncDispose]();
      const lines = readFileSync(envoy.accessLogPath, "utf8").trim().split("\n");
      return lines.map((line) => JSON.parse(line));
    },
    async [Symbol.asyncDispose]() {
      client.close();
      await envoy[Symbol.asyncDispose]();
      upstream.close();
      await rm(folder, { recursive: true });
    },
  };
}

if (isInstalled(envoyToolchain)) {
  describe("Envoy as the bench configures it", () => {
    test("a wrap becomes Key Protect's request with credential, instance and correlation ID, and its answer comes back", async () => {
      await using arranged = await arrange(ok);
      const { error, answer } = await arranged.wrap();
      expect(error).toBeNull();
      expect(answer).toEqual(Buffer.from(transcodedWrap().response));
      expect(arranged.received).toHaveLength(1);
      const [{ path, headers, body } = { path: "", headers: {}, body: "" }] = arranged.received;
      expect(path).toBe(wrapPath);
      expect(JSON.parse(body)).toEqual({ plaintext: Buffer.alloc(32, "plain").toString("base64") });
      expect(headers).toMatchObject({
        authorization: `Bearer ${accessToken}`,
        "bluemix-instance": instanceId,
        "correlation-id": expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
    });

    test("each call is counted by the rate limit and has a line in the access log", async () => {
      await using arranged = await arrange(ok);
      await arranged.wrap();
      await arranged.wrap();
      const stats = await fetch(`${arranged.envoy.adminUrl}/stats?filter=quota`);
      expect(await stats.text()).toContain("quota.http_local_rate_limit.ok: 2\n");
      const lines = await arranged.accessLog();
      expect(lines).toHaveLength(2);
      expect(lines[0]).toMatchObject({
        status: 200,
        duration: expect.any(Number),
        attempts: 1,
        correlationId: arranged.received[0]?.headers["correlation-id"],
      });
    });

    test("a wrap is repeated after 429, and the text of the last 429 reaches the caller", async () => {
      await using served = await arrange(tooMany, ok);
      expect(await served.wrap()).toMatchObject({ error: null });
      expect(served.received).toHaveLength(2);
      await using refused = await arrange(tooMany);
      const { error } = await refused.wrap();
      expect(refused.received).toHaveLength(3);
      expect(error).toMatchObject({ code: status.UNAVAILABLE, details: refusal });
      expect(error?.metadata.get("grpc-status-details-bin")).toEqual([]);
    });

    test("an answer without a ciphertext passes as a success, unlike in the gateway", async () => {
      await using arranged = await arrange({ status: 200, body: "{}" });
      expect(await arranged.wrap()).toEqual({ error: null, answer: Buffer.alloc(0) });
    });

    test("a run of Envoy alone measures it without a failed call, and names its version", async () => {
      const args = ["--rounds", "1", "--seconds", "0.1", "--warm-up", "1", "--in-flight", "2"];
      const program = join("bench", "bench.ts");
      const line = ["--import", "tsx", program, ...args, "--only", "envoy"];
      await using bench = startNode(line, {}, join(import.meta.dirname, "..", "..", ".."));
      expect((await bench.exit).code, bench.stderr()).toBe(0);
      expect(bench.stdout()).toContain(` before; Envoy ${findEnvoy()?.version}; 1 rounds`);
      expect(bench.stdout()).toMatch(/^\| +2 \| envoy .* 0 \|$/m);
    }, 60_000);

    test("its processor time is that of all threads, as process.cpuUsage counts for the arrangements on node", async () => {
      await using arranged = await arrange(ok);
      const before = await arranged.envoy.cpuMicros();
      for (let calls = 0; calls < 20; calls++) await arranged.wrap();
      expect((await arranged.envoy.cpuMicros()) - before).toBeGreaterThan(0);
      const [usage, counted] = [process.cpuUsage(), processorMicros(process.pid)];
      const micros = usage.user + usage.system;
      expect(Math.abs(counted - micros) / micros).toBeLessThan(0.1);
    });
  });
}
