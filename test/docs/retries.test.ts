/** All documents give callers one rule about repeating calls, and a configuration that fits it. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { serviceConfig, serviceConfigFile } from "../../scripts/service-config.ts";
import { rpcTable } from "../../src/rpc-table.ts";
import { readText, tableRows } from "./documents.ts";

const configSchema = z.strictObject({
  loadBalancingConfig: z.tuple([z.strictObject({ round_robin: z.strictObject({}) })]),
  retryThrottling: z.strictObject({ maxTokens: z.number(), tokenRatio: z.number() }),
  methodConfig: z.tuple([
    z.strictObject({
      name: z.array(z.strictObject({ service: z.string(), method: z.string() })),
      retryPolicy: z.strictObject({
        maxAttempts: z.number().min(2).max(5),
        initialBackoff: z.string().regex(/^\d+(?:\.\d+)?s$/),
        maxBackoff: z.string().regex(/^\d+(?:\.\d+)?s$/),
        backoffMultiplier: z.number().positive(),
        retryableStatusCodes: z.tuple([z.literal("UNAVAILABLE")]),
      }),
    }),
  ]),
});
const config = configSchema.parse(JSON.parse(readText(serviceConfigFile)));

describe("the service configuration of clients", () => {
  test("service_config.json is what the table of RPCs gives", () => {
    expect(readText(serviceConfigFile)).toBe(serviceConfig());
  });

  test("service_config.json names every RPC that may be repeated, and no other", () => {
    const [{ name }] = config.methodConfig;
    const repeatable = rpcTable.filter(({ retry }) => retry !== "unsafe");
    expect(name).toEqual(repeatable.map(({ service, method }) => ({ service, method })));
    expect(name.map(({ method }) => method)).not.toContain("CreateKey");
  });
});

/** A text without line breaks, comment signs and emphasis. */
const flat = (text: string): string =>
  text
    .replaceAll(/^ *\/\/ ?/gm, "")
    .replaceAll("*", "")
    .replaceAll(/\s+/g, " ");

const unsafe = rpcTable.filter(({ retry }) => retry === "unsafe").map(({ method }) => method);

describe.each([
  "README.md",
  "docs/errors.md",
  "docs/retries.md",
  "proto/keyprotect/v1/error_reason.proto",
])("the rule about failures without an ErrorInfo in %s", (file) => {
  const text = flat(readText(file));

  test(`${file} counts a failure without an ErrorInfo as OUTCOME_UNKNOWN, whatever its status is`, () => {
    expect(text).toMatch(/without (?:an|such an) `ErrorInfo`/);
    expect(text).toMatch(
      /counts as `?OUTCOME_UNKNOWN`?,? whatever its status is|There is none: the outcome is unknown, whatever the status is/,
    );
  });

  test(`${file} leads to the other places`, () => {
    expect(text).toMatch(/retries\.md|service_config\.json/);
  });
});

test("docs/retries.md and the comment of ErrorReason name every RPC that must not be repeated", () => {
  const rule = /RPCs that may be repeated.*?look at the/s.exec(
    flat(readText("docs/retries.md")),
  )?.[0];
  const comment = /A failure without such an `ErrorInfo`.*?OUTCOME_UNKNOWN/s.exec(
    flat(readText("proto/keyprotect/v1/error_reason.proto")),
  )?.[0];
  for (const text of [rule, comment]) {
    const named = rpcTable.filter(({ method }) => text?.includes(`\`${method}\``));
    expect(named.map(({ method }) => method)).toEqual(unsafe);
  }
});

test("docs/retries.md says how often the gateway repeats by default, and not only for a new token", () => {
  const rows = tableRows(readText("docs/configuration.md"), "Variable");
  const row = rows.find(([name]) => name === "`GATEWAY_RETRY_MAX_ATTEMPTS`");
  const fallback = row?.[3]?.replaceAll("`", "");
  const text = flat(readText("docs/retries.md"));
  expect(text).toContain(`\`GATEWAY_RETRY_MAX_ATTEMPTS\` (${fallback})`);
  expect(text).toMatch(/Attempts after a 429 and the one after a rejected token \(401\) are extra/);
});
