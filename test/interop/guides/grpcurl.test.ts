/** The commands of docs/guides/grpcurl.md, run by a shell with the real grpcurl, jq and buf. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startLocalGateway, type LocalGateway } from "../../../examples/local-gateway.ts";
import { repositoryRoot } from "../../../scripts/run.ts";
import { fencesOf, readText } from "../../docs/documents.ts";
import { createCertificateAuthority } from "../../support/certificates.ts";
import { sharedTransportKeys } from "../../support/start-emulator.ts";
import { startTestGateway, type TestGateway } from "../../support/start-gateway.ts";
import { buildGrpcurl, grpcurlToolchain } from "../grpcurl.ts";
import { isInstalled } from "../toolchains.ts";

const page = fencesOf(readText("docs/guides/grpcurl.md"));

/** A block of commands, and what the page shows as its output. */
interface Step {
  readonly commands: string;
  readonly fails: boolean;
  readonly isTls: boolean;
  readonly shown: string | undefined;
}

const steps = page.flatMap(({ label, body }, at): Step[] => {
  const words = label.split(" ");
  if (words[0] !== "sh" || words[1] === undefined) return [];
  const next = page[at + 1];
  return [
    {
      commands: body,
      fails: words[1] === "fails",
      isTls: words.includes("tls"),
      shown: next?.label === "text output" ? next.body : undefined,
    },
  ];
});

/** Separates the outputs of the steps. */
const mark = "-- next --\n";

/** The script of all steps. A step that has to fail and does not ends the script. */
const script = steps
  .map(({ commands, fails, isTls }) => {
    const address = isTls ? 'GATEWAY="$TLS_GATEWAY"\n' : "";
    const body = fails ? `if ! { ${commands}} ; then true; else exit 3; fi\n` : commands;
    return `${address}${body}printf '%s' '${mark}'\n`;
  })
  .join("");

/** Replaces IDs, which differ from run to run. */
const shapeOf = (output: string): string =>
  output.replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<id>");

const domain = "prod.example.org";

describe.each([grpcurlToolchain].filter(isInstalled))("the guide for grpcurl", () => {
  let folder = "";
  let local: LocalGateway;
  let secured: TestGateway;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "keyprotect-grpcurl-"));
    await buildGrpcurl(folder);
    for (const name of ["proto", "node_modules", "package.json", "buf.yaml"]) {
      await symlink(join(repositoryRoot, name), join(folder, name));
    }
    local = await startLocalGateway({
      listen: "127.0.0.1:0",
      logLevel: "silent",
      transportKeys: sharedTransportKeys,
    });
    const authority = createCertificateAuthority();
    const names = ["localhost", "keyprotect-gateway.keyprotect.svc.cluster.local"];
    const server = authority.issue({ dnsNames: names });
    const client = authority.issue({ uris: [`spiffe://${domain}/ns/orders/sa/orders`] });
    const path = (name: string): string => join(folder, name);
    const files = {
      [path("ca.crt")]: authority.cert,
      [path("tls.crt")]: client.cert,
      [path("tls.key")]: client.key,
      [path("server.crt")]: server.cert,
      [path("server.key")]: server.key,
    };
    for (const [file, text] of Object.entries(files)) await writeFile(file, text);
    secured = await startTestGateway({
      files,
      env: {
        GATEWAY_REFLECTION: "off",
        GATEWAY_TLS_CERT_FILE: path("server.crt"),
        GATEWAY_TLS_KEY_FILE: path("server.key"),
        GATEWAY_TLS_CLIENT_CA_FILE: path("ca.crt"),
        GATEWAY_TLS_TRUST_DOMAINS: domain,
      },
    });
  }, 600_000);
  afterAll(async () => {
    await secured[Symbol.asyncDispose]();
    await local[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  /** Runs a script in a shell that ends at the first failure. Standard error follows in place. */
  async function run(text: string): Promise<string> {
    const { stdout } = await promisify(execFile)("bash", ["-eu", "-o", "pipefail", "-c", text], {
      cwd: folder,
      env: {
        ...process.env,
        PATH: `${folder}:${process.env["PATH"] ?? ""}`,
        GATEWAY: local.address,
        TLS_GATEWAY: secured.address.replace("127.0.0.1", "localhost"),
      },
    });
    return stdout;
  }

  test("the guide's commands print what it shows, with and without TLS", async () => {
    const outputs = (await run(`exec 2>&1\n${script}`)).split(mark);
    expect(outputs).toHaveLength(steps.length + 1);
    const compared = steps.filter(({ shown }) => shown !== undefined);
    expect(compared.length).toBeGreaterThan(4);
    for (const [at, { shown }] of steps.entries()) {
      if (shown !== undefined) expect(shapeOf(outputs[at] ?? "")).toBe(shapeOf(shown));
    }
  }, 120_000);

  test("without a certificate the guide's commands with TLS fail as it says", async () => {
    const without = script.replace("-cert tls.crt -key tls.key ", "");
    expect(without).not.toBe(script);
    await expect(run(without)).rejects.toThrow("tls: certificate required");
  }, 120_000);
});
