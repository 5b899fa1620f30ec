import { expect, test } from "vitest";
import { migrateUsage, parseMigrateArguments } from "../../../src/migrate/arguments.ts";

const files = ["--input", "in", "--output", "out"];
const problemsOf = (args: readonly string[]): readonly string[] => {
  const parsed = parseMigrateArguments(args);
  return parsed.kind === "wrong" ? parsed.problems : [];
};

test("all problems of a command line are named at once", () => {
  const args = ["--concurrency", "0", "--deadline-ms", "1e3", "--on-failure", "skip"];
  expect(
    problemsOf([...args, "--gateway", "nowhere", "--key-ring", "-", "--tls", "--plaintext"]),
  ).toEqual([
    "--input: needed",
    "--output: needed",
    "--plaintext contradicts --tls and --ca-file",
    "--gateway: host:port, [v6]:port or unix:/path",
    "--key-ring: no valid ID",
    "--on-failure: stop or continue",
    "--deadline-ms: an integer from 1 to 600000",
    "--concurrency: an integer from 1 to 256",
  ]);
});

test("an option that does not exist, a missing value and a further word are wrong", () => {
  expect(problemsOf([...files, "--consurrency", "3"])[0]).toContain("--consurrency");
  expect(problemsOf(["--output", "out", "--input"])[0]).toContain("--input");
  expect(problemsOf([...files, "word"])[0]).toContain("word");
});

test("another host needs TLS or the word plaintext, because data keys cross the connection", () => {
  const remote = [...files, "--gateway", "gateway.internal:50051"];
  expect(problemsOf(remote)).toEqual([
    "--gateway gateway.internal:50051 is another host: give --tls, --ca-file or --plaintext",
  ]);
  for (const option of [["--tls"], ["--ca-file", "ca.pem"], ["--plaintext"]]) {
    expect(problemsOf([...remote, ...option])).toEqual([]);
  }
  for (const local of ["127.0.0.1:1", "[::1]:1", "localhost:1", "unix:/run/gateway.sock"]) {
    expect(problemsOf([...files, "--gateway", local])).toEqual([]);
  }
});

test("a client certificate needs its key, and TLS", () => {
  expect(problemsOf([...files, "--client-cert-file", "c"])).toHaveLength(2);
  expect(problemsOf([...files, "--client-cert-file", "c", "--client-key-file", "k"])).toEqual([
    "a client certificate and --server-name need --tls or --ca-file",
  ]);
});

test("the four files of a migration have to differ", () => {
  expect(problemsOf(["--input", "in", "--output", "in"])).toHaveLength(1);
  expect(problemsOf([...files, "--journal", "out"])).toHaveLength(1);
});

test("verification is on, a failure stops, and the journal lies beside the output by default", () => {
  expect(parseMigrateArguments(files)).toMatchObject({
    kind: "run",
    arguments: {
      files: { input: "in", output: "out", failures: "out.failures", journal: "out.journal" },
      address: "127.0.0.1:50051",
      isVerified: true,
      stopsAtFailure: true,
      isDryRun: false,
      concurrency: 16,
    },
  });
});

test("--help is help whatever else is given, and names every option", () => {
  expect(parseMigrateArguments(["--help"])).toEqual({ kind: "help" });
  const error = problemsOf([...files, "--no-such-option"]);
  expect(error).toHaveLength(1);
  for (const name of ["--journal", "--client-key-file", "--no-verify", "--give-up-ms", "--json"]) {
    expect(migrateUsage).toContain(name);
  }
});
