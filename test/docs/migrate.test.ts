/** The pages about `migrate` are compared with the command. */
import { expect, test } from "vitest";
import { loadConfig } from "../../src/config/load-config.ts";
import { migrateUsage, parseMigrateArguments } from "../../src/migrate/arguments.ts";
import { parseItem } from "../../src/migrate/lines/item.ts";
import { migrateExitCodes } from "../../src/migrate/migrate-error.ts";
import { fencesOf, readText, rowsOfTables } from "./documents.ts";

const page = readText("docs/migrate.md");
const recipe = readText("docs/migrate-from-hpcs.md");
/** The first block with this label. */
const fence = (text: string, label: string): string =>
  fencesOf(text).find((each) => each.label === label)?.body ?? "";
const optionsIn = (text: string): string[] =>
  [...new Set(text.match(/(?<![\w-])--[a-z][a-z-]+/g))].toSorted();

test("docs/migrate.md has every option of the command, with its default", () => {
  const rows = rowsOfTables(page, "Option");
  expect(optionsIn(rows.map(([names]) => names).join(" "))).toEqual(optionsIn(migrateUsage));
  const defaultOf = (name: string): string =>
    rows.find(([names]) => names?.includes(`\`${name}\``))?.[2] ?? "";
  const parsed = parseMigrateArguments(["--input", "a", "--output", "b"]);
  expect(parsed).toMatchObject({
    arguments: {
      concurrency: Number(defaultOf("--concurrency")),
      deadlineMs: Number(defaultOf("--deadline-ms")),
      giveUpMs: Number(defaultOf("--give-up-ms")),
      stopsAtFailure: defaultOf("--on-failure") === "`stop`",
      address: defaultOf("--gateway").replaceAll("`", ""),
    },
  });
});

test("docs/migrate.md has every exit code", () => {
  const codes = rowsOfTables(page, "Exit code").map(([code]) => Number(code));
  expect(codes).toEqual(Object.values(migrateExitCodes).toSorted((a, b) => a - b));
});

test("the commands of both pages have options that exist", () => {
  const commands = [page, recipe].flatMap(fencesOf).filter(({ label }) => label === "sh");
  expect(commands.length).toBeGreaterThanOrEqual(2);
  for (const { body } of commands) {
    for (const option of optionsIn(body)) expect(optionsIn(migrateUsage)).toContain(option);
  }
});

test("the example of an input is a valid line but for its shortened ciphertext", () => {
  const body = fence(page, "json");
  const place = { instance: "a", key: "b" };
  const item = parseItem(1, body.trim().replace(/ey[^"]*/, "AAEC"), {
    source: place,
    target: place,
  });
  expect(item).toMatchObject({ line: 1, additionalData: ["tenant=7"] });
});

test("the configuration for leaving Hyper Protect Crypto Services is accepted", () => {
  const body = fence(recipe, "yaml");
  const config = loadConfig({
    env: { GATEWAY_CONFIG: "/gateway.yaml" },
    readFile: (path) => (path === "/gateway.yaml" ? body : "an-api-key"),
  });
  expect(config.instances.map(({ alias }) => alias)).toEqual(["hpcs", "keyprotect"]);
  expect(config.defaultInstance).toBe("hpcs");
});

test("the rule that docs/migrate.md shows for the caller is accepted", () => {
  const body = fence(page, "yaml");
  const named = fence(recipe, "yaml").replace("hpcs\n", "old\n").replace("keyprotect\n", "new\n");
  // The caller of the page needs certificates, which exist in no test of a page.
  const local = body.replace(/spiffe:[^"]*/, "anonymous");
  const config = loadConfig({
    env: { GATEWAY_CONFIG: "/gateway.yaml" },
    readFile: (path) =>
      path === "/gateway.yaml"
        ? `${named.replace("defaultInstance: hpcs", "defaultInstance: old")}${local}`
        : "an-api-key",
  });
  expect(config.policy?.rules).toHaveLength(1);
});
