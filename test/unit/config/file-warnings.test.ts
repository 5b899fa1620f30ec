import { expect, test } from "vitest";
import type { ConfigProblem } from "../../../src/config/config-error.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import { createCertificateAuthority } from "../../support/certificates.ts";

const now = Date.UTC(2026, 5, 1);
const dayMs = 86_400_000;
const authority = createCertificateAuthority();
const issue = (days: number) =>
  authority.issue({
    notBefore: new Date(now - 90 * dayMs),
    notAfter: new Date(now + days * dayMs),
  });

/** The warnings about files with these modes and certificates. */
function warningsOf(
  modes: Readonly<Record<string, number>>,
  days = 90,
  isChecked = true,
): ConfigProblem[] {
  const { cert, key } = issue(days);
  const texts: Readonly<Record<string, string>> = { cert, key, ca: issue(days).cert };
  const warnings: ConfigProblem[] = [];
  loadConfig({
    env: {
      KP_SERVICE_URL: "https://us-south.kms.cloud.ibm.com",
      KP_INSTANCE_ID: "e0a1b2c3-0000-4000-8000-000000000001",
      IBMCLOUD_API_KEY_FILE: "api-key",
      GATEWAY_TLS_CERT_FILE: "cert",
      GATEWAY_TLS_KEY_FILE: "key",
      GATEWAY_UPSTREAM_CA_FILE: "ca",
    },
    readFile: (path) => texts[path] ?? "content",
    wallNow: () => now,
    ...(isChecked ? { modeOf: (path: string) => modes[path] } : {}),
    onWarning: (warning) => warnings.push(warning),
  });
  return warnings;
}

const isMode = ({ what }: ConfigProblem): boolean => what.includes("(mode ");

test.each([
  ["0600", undefined],
  ["0440", undefined],
  ["0640", undefined],
  ["0644", "read (mode 0644)"],
  ["0660", "write (mode 0660)"],
  ["0666", "read and write (mode 0666)"],
])("a key file of mode %s is warned about only if other users have too much", (octal, text) => {
  const mode = Number.parseInt(`100${octal.slice(1)}`, 8);
  const found = warningsOf({ "api-key": mode, cert: 0o100644 }).filter(isMode);
  expect(found.map(({ at }) => at)).toEqual(text === undefined ? [] : ["IBMCLOUD_API_KEY_FILE"]);
  if (text !== undefined) expect(found[0]?.what).toContain(text);
});

test("the private key of the listeners is a secret file, and the certificate is none", () => {
  const found = warningsOf({ key: 0o100644, cert: 0o100644 }).filter(isMode);
  expect(found.map(({ at }) => at)).toEqual(["GATEWAY_TLS_KEY_FILE"]);
});

test("certificates that end within 14 days are warned about with the date", () => {
  expect(warningsOf({}, 15)).toEqual([]);
  expect(warningsOf({}, 13).map(({ at, what }) => `${at}: ${what}`)).toEqual([
    "GATEWAY_TLS_CERT_FILE: names a file with a certificate that ends on 2026-06-14T00:00:00.000Z; renew it",
    "GATEWAY_UPSTREAM_CA_FILE: names a file with a certificate that ends on 2026-06-14T00:00:00.000Z; renew it",
  ]);
});

test("a start does not warn of modes and dates", () => {
  expect(warningsOf({ "api-key": 0o100666 }, 13, false)).toEqual([]);
});
