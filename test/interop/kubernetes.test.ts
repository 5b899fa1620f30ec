/**
 * The API server's own code, unpatched, against the gateway on a Unix socket: it loads its
 * configuration, encrypts and decrypts objects, and sees rotations, outages and a disabled key.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { startKmsDoor } from "../support/kms-door.ts";
import {
  apiServerToolchain,
  buildApiServer,
  startApiServer,
  type ApiServer,
} from "./kubernetes/api-server.ts";
import { isInstalled, type BuiltClient } from "./toolchains.ts";

/** Go compiles the API server's packages; on a busy machine that takes many minutes. */
const buildTimeout = 1_800_000;
/** The API server asks a KMS that was healthy again after this time, in milliseconds. */
const healthIsCachedMs = 20_000;

const at = "/registry/secrets/default/one";
const ok = { error: "" };

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** The configuration of an API server with one KMS, as docs/kubernetes-kms.md shows it. */
const encryptionConfig = (name: string, socket: string): string =>
  stringify({
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "EncryptionConfiguration",
    resources: [
      {
        resources: ["secrets"],
        providers: [
          { kms: { apiVersion: "v2", name, endpoint: `unix://${socket}`, timeout: "3s" } },
          { identity: {} },
        ],
      },
    ],
  });

if (isInstalled(apiServerToolchain)) {
  describe("the API server of Kubernetes", () => {
    let built: BuiltClient;
    let folder = "";
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "kms-api-server-"));
      built = await buildApiServer();
    }, buildTimeout);
    afterAll(async () => {
      await built[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    });

    /** Loads the configuration for a socket, as an API server does when it starts. */
    async function load(apiServer: ApiServer, loader: string, socket = ""): Promise<void> {
      const file = join(folder, `${loader}.yaml`);
      await writeFile(file, encryptionConfig("keyprotect", socket));
      expect(await apiServer.run("load", loader, file)).toMatchObject(ok);
    }

    test("an object is stored encrypted and read back by an API server that starts cold", async () => {
      await using door = await startKmsDoor();
      await using apiServer = startApiServer(built);
      await load(apiServer, "first", door.sockets[0]);
      expect(await apiServer.run("health", "first")).toMatchObject(ok);
      const { data, error } = await apiServer.run("write", "first", at, "hunter2");
      expect(error).toBe("");
      const stored = Buffer.from(data, "base64").toString("latin1");
      expect(stored).toMatch(/^k8s:enc:kms:v2:keyprotect:/);
      expect(stored).not.toContain("hunter2");

      await load(apiServer, "second", door.sockets[0]);
      door.gateway.emulator.requests.clear();
      const read = await apiServer.run("read", "second", at, data);
      expect(read).toEqual({ error: "", data: "", text: "hunter2", stale: false });
      expect(door.gateway.upstreamRequests()).toEqual([
        `POST /api/v2/keys/${door.keyId}/actions/unwrap`,
      ]);
    });

    test("a rotation makes objects stale for API servers that run and for those that start, and an outage of two minutes does not show", async () => {
      await using door = await startKmsDoor({ endpoints: 2 });
      const { gateway, sockets, keyId } = door;
      await using apiServer = startApiServer(built);
      await load(apiServer, "rotated", sockets[0]);
      await load(apiServer, "cut-off", sockets[1]);
      const object = await apiServer.run("write", "rotated", at, "old");
      const other = await apiServer.run("write", "cut-off", at, "kept");
      expect(await apiServer.run("read", "cut-off", at, other.data)).toMatchObject({
        text: "kept",
        stale: false,
      });

      await gateway.call(gateway.clients.actions, "rotateKey", { keyId });
      door.passTime(15_000);
      await load(apiServer, "new", sockets[0]);
      const old = { error: "", text: "old", stale: true };
      expect(await apiServer.run("read", "new", at, object.data)).toMatchObject(old);
      const rewritten = await apiServer.run("write", "new", at, "new");
      expect(await apiServer.run("read", "new", at, rewritten.data)).toMatchObject({
        text: "new",
        stale: false,
      });

      // The probe of a running API server keeps a good answer this long, by its own clock.
      await sleep(healthIsCachedMs);
      expect(await apiServer.run("health", "rotated")).toMatchObject(ok);
      expect(await apiServer.run("read", "rotated", at, object.data)).toMatchObject(old);

      gateway.emulator.faults.add({
        match: { service: "keyprotect" },
        action: { kind: "reset", when: "before-processing" },
      });
      door.passTime(120_000);
      expect(await apiServer.run("health", "cut-off")).toMatchObject(ok);
      expect(await apiServer.run("read", "cut-off", at, other.data)).toMatchObject({
        error: "",
        text: "kept",
      });
      const written = await apiServer.run("write", "cut-off", at, "during the outage");
      expect(written.error).toBe("");
      // That it was asked, and so that the probe did not just repeat its last answer.
      expect(gateway.emulator.requests.list({ operation: "wrapKey" }).at(-1)?.fault).toBe("reset");
    }, 90_000);

    test("a disabled key is reported by its reason, and an API server that starts cold cannot read", async () => {
      await using door = await startKmsDoor();
      const { gateway, sockets, keyId } = door;
      await using apiServer = startApiServer(built);
      await load(apiServer, "before", sockets[0]);
      const { data } = await apiServer.run("write", "before", at, "hunter2");
      await gateway.call(gateway.clients.keys, "disableKey", { keyId });
      door.passTime(15_000);
      await load(apiServer, "after", sockets[0]);
      const { error } = await apiServer.run("health", "after");
      expect(error).toContain("got unexpected healthz status: KEY_STATE_INVALID");
      expect((await apiServer.run("read", "after", at, data)).error).not.toBe("");
      expect(await apiServer.run("read", "before", at, data)).toMatchObject({ text: "hunter2" });
    });

    test("an object whose key_id was changed in etcd to another key is refused before Key Protect is asked", async () => {
      await using door = await startKmsDoor({ endpoints: 2 });
      const { gateway, sockets, keyIds } = door;
      const [first = "", second = ""] = keyIds;
      await using apiServer = startApiServer(built);
      await load(apiServer, "own", sockets[0]);
      const { data } = await apiServer.run("write", "own", at, "hunter2");
      const changed = Buffer.from(data, "base64").toString("latin1").replace(first, second);
      gateway.emulator.requests.clear();
      const { error } = await apiServer.run(
        "read",
        "own",
        at,
        Buffer.from(changed, "latin1").toString("base64"),
      );
      expect(error).toContain("InvalidArgument");
      expect(error).toContain("names a key that is neither keyId nor in formerKeyIds");
      expect(gateway.upstreamRequests()).toEqual([]);
    });
  });
}
