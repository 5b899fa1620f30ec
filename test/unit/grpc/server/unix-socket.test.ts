import * as grpc from "@grpc/grpc-js";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  access,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import http2 from "node:http2";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bindUnixSocket } from "../../../../src/grpc/server/unix-socket.ts";
import { countKeys, startTestServer } from "../../../support/test-server.ts";
import type { TestServer } from "../../../support/test-server.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kp-"));
  path = join(folder, "gateway.sock");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const start = (socketPath = path): Promise<TestServer> =>
  startTestServer({ listeners: [{ kind: "unix", path: socketPath }] });

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

const neverBinds = () => Promise.reject(new Error("bound"));

/** A stale socket: its process was killed and could not remove it. */
async function leaveStaleSocket(): Promise<void> {
  const script = `require("net").createServer().listen(${JSON.stringify(path)}, () => console.log("bound"))`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "ignore"] });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "exit");
}

test("a server listens on a Unix socket, and its callers are unix", async () => {
  await using fixture = await start();

  expect((await countKeys(fixture.newClient())).totalSize).toBe(7);
  expect(fixture.server.addresses).toEqual([{ kind: "unix", path }]);
  expect(fixture.contexts[0]).toMatchObject({ peer: "unix", caller: "unix" });
});

test("a server on a Unix socket and TCP distinguishes their callers", async () => {
  await using fixture = await startTestServer({
    listeners: [
      { kind: "tcp", host: "127.0.0.1", port: 0 },
      { kind: "unix", path },
    ],
  });
  await countKeys(fixture.newClient());

  expect(fixture.contexts[0]?.caller).toBe("anonymous");
});

test("owner and group may connect to a socket, others may not", async () => {
  await using fixture = await start();

  expect(fixture.lines).not.toEqual([]);
  expect((await stat(path)).mode & 0o777).toBe(0o660);
});

test("the socket file is removed when the server stops", async () => {
  const drained = await start();
  await drained.server.drain();
  expect(await exists(path)).toBe(false);
  await drained[Symbol.asyncDispose]();

  const disposed = await start();
  await disposed[Symbol.asyncDispose]();
  expect(await exists(path)).toBe(false);
});

test("a socket that another process has placed at the path stays", async () => {
  const fixture = await start();
  await rm(path);
  const other = createServer().listen(path);
  await once(other, "listening");
  const { ino } = await lstat(path);

  // libuv removes the path of a socket that it closes, even if another process owns it by then.
  await fixture.server.drain();
  await fixture[Symbol.asyncDispose]();
  const left = await lstat(path).catch(() => undefined);
  other.close();
  await once(other, "close");

  expect(left?.ino).toBe(ino);
});

test("a stale socket is replaced", async () => {
  await leaveStaleSocket();
  expect((await lstat(path)).isSocket()).toBe(true);
  await using fixture = await start();

  expect((await countKeys(fixture.newClient())).code).toBe(grpc.status.OK);
});

test("a socket in use is rejected and keeps working", async () => {
  await using first = await start();

  await expect(start()).rejects.toThrow(`another process listens on ${path}`);
  expect((await countKeys(first.newClient())).code).toBe(grpc.status.OK);
});

test.each([
  ["a file", () => writeFile(path, "precious")],
  ["a directory", () => mkdir(path)],
  ["a symbolic link", () => symlink(join(folder, "elsewhere"), path)],
])("a path that is %s is rejected, and the file stays", async (_what, make) => {
  await make();
  const before = await lstat(path);

  await expect(start()).rejects.toThrow(`${path} exists and is not a socket`);
  expect((await lstat(path)).ino).toBe(before.ino);
});

test("a path whose directory does not exist is rejected", async () => {
  const lost = join(folder, "nowhere", "gateway.sock");

  await expect(start(lost)).rejects.toThrow(
    `the directory of the Unix socket ${lost} does not exist`,
  );
});

test("a path below a file is rejected", async () => {
  await writeFile(path, "");

  await expect(start(join(path, "gateway.sock"))).rejects.toThrow();
});

test("a path that is too long for a socket is rejected", async () => {
  const long = `/tmp/${"a".repeat(103)}`;

  await expect(start(long)).rejects.toThrow(/is too long: 108 bytes of at most \d+: /);
});

test("the length of a path is counted in bytes, not in characters", async () => {
  await expect(bindUnixSocket(`/tmp/${"ü".repeat(60)}`, neverBinds)).rejects.toThrow(
    "is too long: 125 bytes",
  );
});

test.each(["gateway.sock", "", "\0abstract", "/tmp/a\0b"])(
  "the path %j is rejected",
  async (text) => {
    await expect(bindUnixSocket(text, neverBinds)).rejects.toThrow("has to be absolute");
  },
);

test("a server listens on the longest possible path", async () => {
  const most = process.platform === "linux" ? 107 : 103;
  await using fixture = await start(join(folder, "a".repeat(most - folder.length - 1)));

  expect((await countKeys(fixture.newClient())).code).toBe(grpc.status.OK);
});

test("a directory whose path is too long to bind in is rejected", async () => {
  const deep = join(folder, "a".repeat(97 - folder.length));
  await mkdir(deep);

  await expect(start(join(deep, "s"))).rejects.toThrow(/the directory .* is too long: 111 bytes/);
  expect(await readdir(deep)).toEqual([]);
});

test("of two processes that start at the same time, one serves and the other fails", async () => {
  const both = await Promise.allSettled([start(), start(), start()]);
  const served = both.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));

  expect(served).toHaveLength(1);
  expect(await readdir(folder)).toEqual(["gateway.sock"]);
  for (const fixture of served) {
    expect((await countKeys(fixture.newClient())).code).toBe(grpc.status.OK);
    await fixture[Symbol.asyncDispose]();
  }
});

test("before its mode is set, only the owner can reach a socket", async () => {
  let modes: number[] = [];
  await using listener = createServer();
  const socket = await bindUnixSocket(path, async (staged) => {
    listener.listen(staged);
    await once(listener, "listening");
    modes = [(await stat(dirname(staged))).mode & 0o777];
    expect(await exists(path)).toBe(false);
  });

  expect(modes).toEqual([0o700]);
  expect(await readdir(folder)).toEqual(["gateway.sock"]);
  await socket.remove();
  expect(await exists(path)).toBe(false);
});

test("a socket file is removed if a later address cannot be bound", async () => {
  await expect(
    startTestServer({
      listeners: [
        { kind: "unix", path },
        { kind: "unix", path: join(folder, "nowhere", "gateway.sock") },
      ],
    }),
  ).rejects.toThrow("does not exist");

  expect(await exists(path)).toBe(false);
});

test.each(["/tmp/gateway.sock", "", "local host"])(
  "a caller whose :authority is %j loses only its own stream",
  async (authority) => {
    await using fixture = await start();
    const session = http2.connect("http://localhost", {
      createConnection: () => connect(path),
    });
    session.on("error", () => {});
    const stream = session.request({
      ":method": "POST",
      ":path": "/keyprotect.v1.KeysService/CountKeys",
      ":authority": authority,
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => {});
    stream.end(Buffer.alloc(5));
    await new Promise((resolve) => stream.once("close", resolve));
    session.destroy();

    expect((await countKeys(fixture.newClient())).code).toBe(grpc.status.OK);
  },
);
