/**
 * A real Redis for tests. It runs from the PATH on a free loopback port and stores nothing lasting
 * on disk.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCertificateAuthority } from "./certificates.ts";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";
import { tcpConnects } from "./tcp-connects.ts";

/** Options of the server. */
export interface RedisServerOptions {
  /** Whether it speaks TLS, with a certificate for 127.0.0.1. */
  readonly tls?: boolean;
  /** Lines of ACL rules, such as `user gateway on >password ~prefix:* +eval`. */
  readonly acl?: readonly string[];
  /** Whether it keeps its data in an append-only file, so that a restart does not lose it. */
  readonly appendOnly?: boolean;
  /** Further lines of the configuration. */
  readonly config?: readonly string[];
}

/** A running Redis. Disposing of it kills it. */
export interface RedisServer extends AsyncDisposable {
  /** `redis://127.0.0.1:port`, or `rediss://…`. */
  readonly url: string;
  readonly port: number;
  /** PEM of the authority that signed its certificate. Empty without TLS. */
  readonly ca: string;
  /** Runs a command with redis-cli as the default user and returns its output. */
  cli(...args: readonly string[]): string;
  /** Kills the server at once. Without an append-only file all its data is lost. */
  kill(): Promise<void>;
  /** Starts it again on the same port. */
  restart(): Promise<void>;
  /** Whether the server runs: it was started and not killed since. */
  readonly isRunning: boolean;
  /** Suspends the server like a hanging machine: connections stay open and get no response. */
  suspend(): void;
  resume(): void;
}

/** Starts a server and waits until it accepts connections. */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), "gateway-redis-"));
  const port = await freePort();
  const { ca, args } = writeConfiguration(folder, port, options);
  let child = await spawnServer(args, port);

  const server: RedisServer = {
    url: `${options.tls === true ? "rediss" : "redis"}://127.0.0.1:${port}`,
    port,
    ca,
    cli(...command) {
      const tls = options.tls === true ? ["--tls", "--cacert", join(folder, "ca.pem")] : [];
      const run = spawnSync("redis-cli", ["-p", String(port), ...tls, ...command], {
        encoding: "utf8",
        timeout: 10_000,
      });
      if (run.status !== 0) throw new Error(`redis-cli failed: ${run.stderr}`);
      return run.stdout.trim();
    },
    async kill() {
      if (!server.isRunning) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
    async restart() {
      await server.kill();
      child = await spawnServer(args, port);
    },
    get isRunning() {
      return child.exitCode === null && child.signalCode === null;
    },
    suspend: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    async [Symbol.asyncDispose]() {
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return server;
}

function writeConfiguration(
  folder: string,
  port: number,
  { tls = false, acl = [], appendOnly = false, config = [] }: RedisServerOptions,
): { readonly ca: string; readonly args: readonly string[] } {
  const lines = ['save ""', "bind 127.0.0.1", `dir ${folder}`, ...config];
  lines.push(appendOnly ? "appendonly yes" : "appendonly no");
  let ca = "";
  if (tls) {
    const authority = createCertificateAuthority();
    const { cert, key } = authority.issue({ ipAddresses: ["127.0.0.1"] });
    ca = authority.cert;
    for (const [name, text] of Object.entries({ ca, cert, key })) {
      writeFileSync(join(folder, `${name}.pem`), text, { mode: 0o600 });
    }
    lines.push("port 0", `tls-port ${port}`, "tls-auth-clients no");
    lines.push(`tls-ca-cert-file ${folder}/ca.pem`);
    lines.push(`tls-cert-file ${folder}/cert.pem`, `tls-key-file ${folder}/key.pem`);
  } else {
    lines.push(`port ${port}`);
  }
  if (acl.length > 0) {
    writeFileSync(join(folder, "users.acl"), `${acl.join("\n")}\n`);
    lines.push(`aclfile ${folder}/users.acl`);
  }
  const path = join(folder, "redis.conf");
  writeFileSync(path, `${lines.join("\n")}\n`);
  return { ca, args: [path] };
}

async function spawnServer(args: readonly string[], port: number) {
  const child = spawn("redis-server", args, { stdio: "ignore" });
  // Without this handler a server would keep running after its test run was killed.
  const stop = (): void => void child.kill("SIGKILL");
  process.once("exit", stop);
  child.once("exit", () => process.removeListener("exit", stop));
  await eventually(() => {
    if (child.exitCode !== null) throw new Error("redis-server did not start");
    return tcpConnects(port);
  });
  return child;
}
