/** `keyprotect-gateway migrate` through a real gateway, from one instance to another. */
import {
  appendFile,
  copyFile,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatListenAddress } from "../../src/config/listen-address.ts";
import { createCertificateAuthority } from "../support/certificates.ts";
import { setUpMigration } from "../support/migration.ts";

test("migrate writes the same lines in the same order, wrapped by the key of the target", async () => {
  await using setup = await setUpMigration();
  const inputs = [
    `{"id":"a","ciphertext":"${await setup.wrapped(["tenant=1", "ü"])}",` +
      `"additionalAuthenticatedData":["tenant=1","ü"],"2":1.0,"1":12345678901234567890}`,
    `{ "note" : {"a": [1, "}"]}, "ciphertext": "${await setup.wrapped()}", "id": "b" }`,
    `{"id":"b","ciphertext":"${await setup.wrapped()}","keyVersion":"of-old","key":"${setup.oldKey}"}`,
  ];
  await setup.writeInput(inputs);
  const run = await setup.run();
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  expect(run.stdout).toMatch(/^complete: 3 of 3 items migrated, each new ciphertext unwrapped/);

  const [first, second, third] = await setup.lines("out.jsonl");
  const text = await setup.read("out.jsonl");
  expect(Object.keys(second ?? {})).toEqual([
    "note",
    "ciphertext",
    "id",
    "instance",
    "key",
    "keyVersion",
  ]);
  // As text: long numbers and the order of numeric names must not change.
  expect(text.split("\n")[0]).toContain(`"2":1.0,"1":12345678901234567890,"instance":"new"`);
  expect(text.split("\n")[1]).toContain(`{"note":{"a": [1, "}"]},`);
  for (const line of [first, second, third]) {
    expect(line).toMatchObject({ instance: "new", key: setup.newKey });
    expect(line?.["keyVersion"]).toMatch(/^[0-9a-f-]{36}$/);
    const plaintext = await setup.unwrapNew(line);
    expect(setup.gateway.secrets.tracesIn(plaintext.toString("hex"))).not.toEqual([]);
  }
  expect(await readdir(setup.folder)).toEqual([
    "api-key",
    "in.jsonl",
    "out.jsonl",
    "out.jsonl.journal",
  ]);
  for (const name of ["out.jsonl", "out.jsonl.journal"]) {
    expect((await stat(setup.path(name))).mode & 0o777).toBe(0o600);
  }
  const written = [run.stdout, text, await setup.read("out.jsonl.journal")].join("\n");
  expect(setup.gateway.secrets.tracesIn(written)).toEqual([]);
});

test("the calls of a migration are bulk calls with a correlation ID each", async () => {
  await using setup = await setUpMigration();
  await setup.writeInput([{ id: "a", ciphertext: await setup.wrapped() }]);
  const before = setup.gateway.log().length;
  expect((await setup.run()).exitCode).toBe(0);
  const calls = setup.gateway
    .log()
    .slice(before)
    .filter(({ method }) => method !== undefined);
  expect(calls.map(({ method, instance }) => `${String(method)} ${String(instance)}`)).toEqual([
    "keyprotect.v1.KeyActionsService/UnwrapKey old",
    "keyprotect.v1.KeyActionsService/WrapKey new",
    "keyprotect.v1.KeyActionsService/UnwrapKey new",
  ]);
  expect(new Set(calls.map(({ correlationId }) => correlationId)).size).toBe(3);
  // In order not to print a long text on a failure.
  const granted = /_queue_wait_seconds_count\{instance="(\w+)",class="bulk"\} (\d+)/g;
  const waits = [...(await setup.gateway.metrics()).matchAll(granted)];
  expect(waits.map(([, instance, count]) => `${instance} ${count}`)).toEqual(["old 1", "new 2"]);
});

test("with --no-verify the new ciphertexts are not unwrapped", async () => {
  await using setup = await setUpMigration();
  await setup.writeInput([{ id: "a", ciphertext: await setup.wrapped() }]);
  const before = setup.gateway.upstreamRequests().length;
  expect((await setup.run(["--no-verify"])).exitCode).toBe(0);
  expect(setup.gateway.upstreamRequests().slice(before)).toEqual([
    `POST /api/v2/keys/${setup.oldKey}/actions/unwrap`,
    `POST /api/v2/keys/${setup.newKey}/actions/wrap`,
  ]);
});

test("a line may name its own source and target, and an output can be migrated back", async () => {
  await using setup = await setUpMigration();
  await setup.writeInput([
    {
      id: "a",
      ciphertext: await setup.wrapped(),
      instance: "old",
      key: setup.oldKey,
      targetInstance: "new",
      targetKey: setup.newKey,
    },
  ]);
  const wrong = [
    "--source-instance",
    "nowhere",
    "--target-key",
    "no-key",
    "--target-instance",
    "x",
  ];
  expect(await setup.run(wrong)).toMatchObject({ exitCode: 0 });
  const [line] = await setup.lines("out.jsonl");
  expect(Object.keys(line ?? {})).toEqual(["id", "ciphertext", "instance", "key", "keyVersion"]);
  const back = ["--input", setup.path("out.jsonl"), "--output", setup.path("back.jsonl")];
  const target = ["--target-instance", "old", "--target-key", setup.oldKey];
  expect(await setup.run([...back, ...target])).toMatchObject({ exitCode: 0 });
  expect(await setup.lines("back.jsonl")).toMatchObject([{ instance: "old", key: setup.oldKey }]);
});

test("with --on-failure continue the failed lines are in a file that can be an input again", async () => {
  await using setup = await setUpMigration();
  const bad = { id: "bad", ciphertext: await setup.wrapped(["a"]), n: 1 };
  await setup.writeInput([
    { id: "1", ciphertext: await setup.wrapped() },
    bad,
    { id: "3", ciphertext: await setup.wrapped() },
    { id: "4", ciphertext: await setup.wrapped(), targetKey: "no-such-key" },
  ]);
  const run = await setup.run(["--on-failure", "continue"]);
  expect(run.exitCode).toBe(1);
  expect(run.stdout).toContain("complete: 2 of 4 items migrated");
  expect(run.stdout).toContain("unwrap: CIPHERTEXT_REJECTED: 1 (line 2)");
  expect(run.stdout).toContain("wrap: KEY_NOT_FOUND: 1 (line 4)");
  expect(await setup.lines("out.jsonl")).toMatchObject([{ id: "1" }, { id: "3" }]);
  const failures = await setup.lines("out.jsonl.failures");
  expect(failures).toMatchObject([
    {
      ...bad,
      failure: {
        line: 2,
        step: "unwrap",
        status: "INVALID_ARGUMENT",
        reason: "CIPHERTEXT_REJECTED",
        correlationId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      },
    },
    { id: "4", failure: { line: 4, step: "wrap", reason: "KEY_NOT_FOUND" } },
  ]);
  await setup.writeInput([{ ...failures[0], additionalAuthenticatedData: ["a"] }]);
  const again = await setup.run(["--output", setup.path("second.jsonl")]);
  expect(again.exitCode).toBe(0);
  const [repaired] = await setup.lines("second.jsonl");
  expect(repaired).toMatchObject({ id: "bad", n: 1 });
  expect(repaired).not.toHaveProperty("failure");
});

test("a failed item stops a migration by default, and it goes on with --on-failure continue", async () => {
  await using setup = await setUpMigration();
  await setup.writeInput([
    { id: "1", ciphertext: await setup.wrapped() },
    { id: "2", ciphertext: await setup.wrapped(["a"]) },
    { id: "3", ciphertext: await setup.wrapped() },
  ]);
  const stopped = await setup.run();
  expect(stopped.exitCode).toBe(1);
  expect(stopped.stdout).toContain("stopped at line 2, unwrap: INVALID_ARGUMENT CIPHERTEXT_REJ");
  await expect(stat(setup.path("out.jsonl"))).rejects.toMatchObject({ code: "ENOENT" });
  const before = setup.gateway.upstreamRequests().length;
  const run = await setup.run(["--on-failure", "continue"]);
  expect(run.exitCode).toBe(1);
  expect(run.stdout).toContain("done by earlier runs: 1");
  expect(setup.gateway.upstreamRequests().length - before).toBe(4);
  expect(await setup.lines("out.jsonl")).toMatchObject([{ id: "1" }, { id: "3" }]);
  // The same command after the end sends nothing and says the same.
  const repeated = await setup.run(["--on-failure", "continue"]);
  expect(repeated).toMatchObject({
    exitCode: 1,
    stdout: expect.stringMatching(/^complete: 2 of 3/),
  });
  expect(setup.gateway.upstreamRequests().length - before).toBe(4);
});

test("an output, a part of one, or a file of failures that exists is not overwritten", async () => {
  await using setup = await setUpMigration();
  await setup.writeInput([{ id: "a", ciphertext: await setup.wrapped() }]);
  for (const name of ["out.jsonl", "out.jsonl.partial", "out.jsonl.failures"]) {
    await writeFile(setup.path(name), "precious");
    const run = await setup.run();
    expect(run.exitCode).toBe(73);
    expect(run.stderr).toBe(`${setup.path(name)} exists already; nothing is overwritten\n`);
    expect(await setup.read(name)).toBe("precious");
    await rm(setup.path(name));
  }
});

test("a journal is refused for a changed input, for other options and for a changed output", async () => {
  await using setup = await setUpMigration();
  const lines = [
    { id: "1", ciphertext: await setup.wrapped() },
    { id: "2", ciphertext: await setup.wrapped(["a"]) },
  ];
  await setup.writeInput(lines);
  expect((await setup.run()).exitCode).toBe(1);
  const refusal = async (args: readonly string[] = []): Promise<string> => {
    const before = setup.gateway.upstreamRequests().length;
    const { exitCode, stderr } = await setup.run(args);
    expect(exitCode).toBe(65);
    expect(setup.gateway.upstreamRequests()).toHaveLength(before);
    return stderr;
  };
  expect(await refusal(["--no-verify", "--target-key", "other"])).toContain(
    "is of another migration; these differ: --target-key, --no-verify",
  );
  await copyFile(setup.path("in.jsonl"), setup.path("kept"));
  await setup.writeInput([...lines, { id: "3", ciphertext: await setup.wrapped() }]);
  expect(await refusal()).toContain("these differ: the contents of the input");
  await copyFile(setup.path("kept"), setup.path("in.jsonl"));

  const part = await setup.read("out.jsonl.partial");
  await writeFile(setup.path("out.jsonl.partial"), part.replace('"1"', '"9"'));
  expect(await refusal()).toContain("is not what this migration wrote");
  await writeFile(setup.path("out.jsonl.partial"), part);
  await writeFile(setup.path("out.jsonl.journal"), "a letter\n");
  expect(await refusal()).toContain("is no journal of a migration");
});

test("every wrong line of an input is named before anything is sent", async () => {
  await using setup = await setUpMigration();
  const before = setup.gateway.upstreamRequests().length;
  await setup.writeInput([
    "{",
    "[]",
    "",
    { ciphertext: "AA=", additionalAuthenticatedData: "a" },
    { id: "", ciphertext: "" },
    { id: "x", ciphertext: "AA==", key: 5 },
    `{"id":"x","id":"y","ciphertext":"AA=="}`,
  ]);
  await appendFile(setup.path("in.jsonl"), Buffer.from([0x22, 0xff, 0x0a]));
  const { exitCode, stderr } = await setup.run(["--source-instance", ""]);
  expect(exitCode).toBe(65);
  expect(stderr.split("\n").slice(1)).toEqual([
    "  line 1: it is not a JSON object",
    "  line 2: it is not a JSON object",
    "  line 3: it is not a JSON object",
    expect.stringMatching(/^ {2}line 4: id: needed.*ciphertext: needed.*additionalAuth/),
    expect.stringMatching(/^ {2}line 5: id: needed.*ciphertext: needed/),
    expect.stringContaining("line 6: instance: a text; key: a text"),
    expect.stringContaining("line 7: a member occurs twice"),
    expect.stringContaining("line 8: it is not UTF-8"),
    "",
  ]);
  expect(setup.gateway.upstreamRequests()).toHaveLength(before);
});

test("a dry run unwraps every item, tries the target once, and writes nothing", async () => {
  await using setup = await setUpMigration();
  await setup.writeInput([
    { id: "1", ciphertext: await setup.wrapped() },
    { id: "2", ciphertext: await setup.wrapped(["a"]) },
    { id: "3", ciphertext: await setup.wrapped() },
  ]);
  const files = await readdir(setup.folder);
  const before = setup.gateway.upstreamRequests().length;
  const run = await setup.run(["--dry-run", "--json"]);
  expect(run.exitCode).toBe(1);
  expect(JSON.parse(run.stdout)).toMatchObject({
    state: "dry run",
    done: 3,
    migrated: 2,
    failed: [{ what: "unwrap: CIPHERTEXT_REJECTED", count: 1, lines: [2] }],
  });
  expect(setup.gateway.upstreamRequests().slice(before).toSorted()).toEqual(
    [
      `POST /api/v2/keys/${setup.newKey}/actions/unwrap`,
      `POST /api/v2/keys/${setup.newKey}/actions/wrap`,
      ...Array<string>(3).fill(`POST /api/v2/keys/${setup.oldKey}/actions/unwrap`),
    ].toSorted(),
  );
  const missing = await setup.run(["--dry-run", "--target-key", "no-such-key"]);
  expect(missing.stdout).toContain("wrap: KEY_NOT_FOUND: 2 (line 1, 3)");
  expect(await readdir(setup.folder)).toEqual(files);
});

test("a migration that the gateway's policy does not allow ends at its first call", async () => {
  await using setup = await setUpMigration({
    yaml: `
policy:
  rules:
    - callers: ["anonymous"]
      methods: ["*"]
      instances: ["old"]
    - callers: ["anonymous"]
      methods: ["KeysService/CreateKey", "KeyActionsService/UnwrapKey"]
`,
  });
  const lines = [];
  for (let at = 0; at < 24; at += 1) lines.push({ id: `${at}`, ciphertext: await setup.wrapped() });
  await setup.writeInput(lines);
  const run = await setup.run(["--on-failure", "continue"]);
  expect(run.exitCode).toBe(77);
  expect(run.stdout).toMatch(/stopped at line 1, wrap: PERMISSION_DENIED CALLER_NOT_AUTHORIZED/);
  await expect(stat(setup.path("out.jsonl"))).rejects.toMatchObject({ code: "ENOENT" });
});

test("a second process cannot work on the same journal", async () => {
  await using setup = await setUpMigration();
  const lines = [];
  for (let at = 0; at < 24; at += 1) lines.push({ id: `${at}`, ciphertext: await setup.wrapped() });
  await setup.writeInput(lines);
  const [one, two] = await Promise.all([setup.run(), setup.run()]);
  const [lost, won] = one.exitCode === 0 ? [two, one] : [one, two];
  expect(won.exitCode).toBe(0);
  expect(lost.exitCode).toBe(73);
  expect(lost.stderr).toContain("another process is at work on");
  expect(await setup.lines("out.jsonl")).toMatchObject(lines.map(({ id }) => ({ id })));
  expect((await readFile(setup.path("out.jsonl.journal"), "utf8")).length).toBeGreaterThan(0);
});

describe("a gateway with mutual TLS", () => {
  const authority = createCertificateAuthority();
  const server = authority.issue({ dnsNames: ["gateway.internal"] });
  const client = authority.issue({ uris: ["spiffe://prod.example/migration"] });
  let folder: string;
  const path = (name: string): string => join(folder, name);
  let files: Readonly<Record<string, string>>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "migrate-tls-"));
    files = {
      [path("ca.pem")]: authority.cert,
      [path("server.pem")]: server.cert,
      [path("server.key")]: server.key,
      [path("client.pem")]: client.cert,
      [path("client.key")]: client.key,
    };
    for (const [name, text] of Object.entries(files)) await writeFile(name, text);
  });
  afterAll(() => rm(folder, { recursive: true }));

  const startWithTls = () =>
    setUpMigration({
      files,
      env: {
        GATEWAY_TLS_TRUST_DOMAINS: "prod.example",
        GATEWAY_LISTEN: `unix:${path("admin.sock")},127.0.0.1:0`,
        GATEWAY_TLS_CERT_FILE: path("server.pem"),
        GATEWAY_TLS_KEY_FILE: path("server.key"),
        GATEWAY_TLS_CLIENT_CA_FILE: path("ca.pem"),
      },
      yaml: `
policy:
  rules:
    - callers: ["unix"]
      methods: ["*"]
    - callers: ["spiffe://prod.example/migration"]
      methods: ["KeyActionsService/UnwrapKey", "KeyActionsService/WrapKey"]
`,
    });

  test("a migration connects with its client certificate, or over a Unix socket", async () => {
    await using setup = await startWithTls();
    await setup.writeInput([{ id: "a", ciphertext: await setup.wrapped() }]);
    const tcp = setup.gateway.gateway.addresses.find(({ kind }) => kind === "tcp");
    const address = tcp === undefined ? "" : formatListenAddress(tcp);
    const tls = ["--gateway", address, "--ca-file", path("ca.pem")];
    const own = ["--client-cert-file", path("client.pem"), "--client-key-file", path("client.key")];
    const name = ["--server-name", "gateway.internal"];
    expect(await setup.run([...tls, ...own, ...name])).toMatchObject({ exitCode: 0 });
    const callers = setup.gateway.log().flatMap(({ caller }) => caller ?? []);
    expect(callers.at(-1)).toBe("spiffe://prod.example/migration");

    const second = ["--output", setup.path("second.jsonl")];
    expect(await setup.run(second)).toMatchObject({ exitCode: 0 });
    expect(
      setup.gateway
        .log()
        .flatMap(({ caller }) => caller ?? [])
        .at(-1),
    ).toBe("unix");

    // Without the certificate, and with another name, no call arrives. It is repeated in vain.
    const third = ["--output", setup.path("third.jsonl"), "--give-up-ms", "1"];
    expect(await setup.run([...third, ...tls, ...name])).toMatchObject({ exitCode: 75 });
    const mixed = [...own.slice(0, 3), path("server.key")];
    const wrong = await setup.run([...third, ...tls, ...name, ...mixed]);
    expect(wrong.exitCode).toBe(66);
    expect(wrong.stderr).toContain("is not that of the certificate in");
    expect(wrong.stderr).not.toContain("PRIVATE");
  });
});

test("a gateway that is not there ends a migration with 75 after the given time", async () => {
  await using setup = await setUpMigration();
  await setup.writeInput([{ id: "a", ciphertext: await setup.wrapped() }]);
  const nowhere = ["--gateway", `unix:${setup.path("no.sock")}`, "--give-up-ms", "200"];
  const run = await setup.run(nowhere);
  expect(run.exitCode).toBe(75);
  expect(run.stdout).toMatch(/^given up: 0 of 1 items migrated[^]*stopped at line 1, unwrap: UNAV/);
  expect(run.stderr).toContain("; repeating unwrap after UNAVAILABLE");
  expect(await setup.run()).toMatchObject({ exitCode: 0 });
});
