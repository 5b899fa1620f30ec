/** The console in a real browser. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createKeyId, wrapKeyRequest } from "../support/requests.ts";
import { freePort } from "../support/free-port.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";
import { faintTexts } from "./contrast.ts";
import { consoleOf, openPage } from "./open-page.ts";
import { startBrowser } from "./open-page.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
}, 60_000);
afterAll(() => browser.close());

const busy = { timeout: 120_000 };
const patient = { timeout: 30_000 };

const missingKey = (at: number): string =>
  `00000000-0000-4000-8000-${String(at).padStart(12, "0")}`;

/** Makes calls that fail, one after the other. */
async function failTimes(gateway: TestGateway, times: number): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let at = 0; at < times; at += 1) {
    const request = { keyId: missingKey(at) };
    ids.push((await gateway.failure(gateway.clients.keys, "getKey", request)).correlationId);
  }
  return ids;
}

/** Keeps about `perSecond` calls a second going, until it is disposed of. */
async function startLoad(gateway: TestGateway, perSecond: number): Promise<Disposable> {
  const keyId = await createKeyId(gateway);
  const plaintext = gateway.secrets.bytes(32);
  const timer = setInterval(
    () =>
      void gateway.outcome(gateway.clients.actions, "wrapKey", wrapKeyRequest(keyId, plaintext), {
        deadline: Date.now() + 2_000,
      }),
    1_000 / perSecond,
  );
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

interface StateOfOne {
  readonly rate: { readonly perSecond: number; readonly phase: string };
  readonly connections: { readonly most: number; readonly open: number };
  readonly token: { readonly phase: string };
}

describe("the console in a browser", () => {
  test("the numbers equal those of /state", busy, async () => {
    await using gateway = await startTestGateway({ env: { GATEWAY_RATE_CEILING: "50" } });
    await createKeyId(gateway);
    await using opened = await openPage(browser, consoleOf(gateway));
    const { page, complaints } = opened;
    // The first sample may be older than the first token.
    const word = page.locator('tr[data-alias="default"] td[data-cell="word"]');
    await expect.poll(() => word.innerText(), patient).toContain("serving");

    const answer = await fetch(consoleOf(gateway).replace(/console$/, "state"));
    const body: { readonly instances: { readonly default: StateOfOne } } = JSON.parse(
      await answer.text(),
    );
    const { rate, connections, token } = body.instances.default;
    const cell = (name: string): Promise<string> =>
      page.locator(`tr[data-alias="default"] td[data-cell="${name}"]`).innerText();

    expect(await cell("allowed")).toBe(String(Number(rate.perSecond.toFixed(1))));
    expect(await cell("phase")).toBe(rate.phase);
    expect(await cell("flying")).toBe(`0 of ${connections.most}`);
    expect(await cell("waiting")).toBe("0");
    expect(await cell("token")).toMatch(new RegExp(`^${token.phase}, \\d+ s$`));
    const legend = page.locator("#quota .u-series", { hasText: "allowed" }).locator(".u-value");
    expect(await legend.innerText()).toBe(await cell("allowed"));
    expect(complaints).toEqual([]);
  });

  test("the quota plot moves when the quota steps", busy, async () => {
    await using gateway = await startTestGateway({
      emulator: { quota: { ratePerSecond: 60, burst: 10 } },
    });
    await using opened = await openPage(browser, consoleOf(gateway));
    const { page, complaints } = opened;
    using load = await startLoad(gateway, 120);
    expect(load).toBeDefined();
    const value = (series: string): Promise<number> =>
      page
        .locator("#quota .u-series", { hasText: series })
        .locator(".u-value")
        .innerText()
        .then(Number);
    const picture = (): Promise<unknown> =>
      page.evaluate(`document.querySelector("#quota canvas").toDataURL().length`);

    await expect.poll(() => value("allowed"), patient).toBeGreaterThan(40);
    expect(await value("allowed")).toBeLessThan(75);
    const before = await picture();
    gateway.emulator.quota.set({ ratePerSecond: 15, burst: 5 });

    await expect.poll(() => value("allowed"), patient).toBeLessThan(25);
    await expect.poll(picture, patient).not.toBe(before);
    await expect
      .poll(() => page.locator("#word").getAttribute("data-word"), patient)
      .toMatch(/^(?:throttled|at quota)$/);
    expect(await page.locator("#queue-figures").innerText()).toMatch(/^\d+ calls? of 1 caller$/);
    expect(complaints).toEqual([]);
  });

  test("a violation of the content-security policy would be noticed", busy, async () => {
    await using gateway = await startTestGateway();
    await using opened = await openPage(browser, consoleOf(gateway));
    const { page, complaints } = opened;

    await page.evaluate(`{
      const script = document.createElement("script");
      script.textContent = "globalThis.ran = true";
      document.body.append(script);
      document.body.insertAdjacentHTML("beforeend", "<i style='color: red'>x</i>");
    }`);

    await expect.poll(() => complaints.join("\n"), patient).toContain("style-src");
    expect(complaints.join("\n")).toContain("script-src");
    expect(await page.evaluate("globalThis.ran")).toBeUndefined();
  });

  test("the page connects again by itself after a restart of the gateway", busy, async () => {
    const port = String(await freePort());
    const env = { GATEWAY_ADMIN_LISTEN: `127.0.0.1:${port}` };
    const first = await startTestGateway({ env });
    await using opened = await openPage(browser, consoleOf(first));
    const { page } = opened;
    await failTimes(first, 3);
    await expect.poll(() => page.locator("#failures tr").count(), patient).toBe(3);
    await page.evaluate("globalThis.isSamePage = true");

    await first[Symbol.asyncDispose]();
    await page.locator('#live[data-live="no"]').waitFor(patient);
    expect(await page.locator("#notice").innerText()).toContain(
      "No contact with the gateway since",
    );
    await using second = await startTestGateway({ env });

    await page.locator('#live[data-live="yes"]').waitFor(patient);
    expect(page.url()).toBe(consoleOf(second));
    await page.locator("#notice").waitFor({ state: "hidden" });
    expect(await page.locator("#failures tr").count()).toBe(0);
    expect(await page.locator("#no-failures").isVisible()).toBe(true);
    expect(await page.evaluate("globalThis.isSamePage")).toBe(true);
  });

  test("the table of failed calls keeps the last 200, the newest first", busy, async () => {
    await using gateway = await startTestGateway();
    const early = await failTimes(gateway, 190);
    await using opened = await openPage(browser, consoleOf(gateway));
    const { page, complaints } = opened;
    const rows = page.locator("#failures tr");
    expect(await rows.count()).toBe(190);

    const late = await failTimes(gateway, 20);

    await expect.poll(() => page.locator("#failure-count").innerText(), patient).toBe("210");
    expect(await rows.count()).toBe(200);
    const ids = await page.locator("#failures .copy").allInnerTexts();
    expect(ids).toEqual([...early, ...late].slice(-200).toReversed());
    expect(await rows.first().innerText()).toMatch(
      /GetKey\s+NOT_FOUND\s+KEY_NOT_FOUND\s+default\s+1\s+404/,
    );
    expect(complaints).toEqual([]);
  });

  test("instances, method groups and correlation IDs can be used by keyboard", busy, async () => {
    await using gateway = await startTestGateway({ files: instancesFile(2), env: noInstance });
    await using opened = await openPage(browser, consoleOf(gateway));
    const { page, complaints } = opened;
    const [id] = await failTimes(gateway, 1);
    const copy = page.locator("#failures .copy");
    await copy.waitFor(patient);

    await copy.focus();
    await page.keyboard.press("Enter");
    await expect.poll(() => page.evaluate("navigator.clipboard.readText()"), patient).toBe(id);

    await page.locator('#groups input[value="all"]').focus();
    await page.keyboard.press("ArrowRight");
    expect(await page.locator('#groups input[value="wrap"]').isChecked()).toBe(true);

    await page.locator(`tr[data-alias="${longAlias(1)}"] a`).focus();
    await page.keyboard.press("Enter");
    await expect
      .poll(() => page.locator("#quota-title").innerText(), patient)
      .toContain(longAlias(1));
    expect(page.url()).toContain(`instance=${longAlias(1)}`);
    await page.goBack();
    await expect
      .poll(() => page.locator("#quota-title").innerText(), patient)
      .toContain(longAlias(0));
    expect(complaints).toEqual([]);
  });

  test("everything has a name for a screen reader", busy, async () => {
    await using gateway = await startTestGateway();
    await failTimes(gateway, 1);
    await using opened = await openPage(browser, consoleOf(gateway));
    const { page } = opened;

    const tree = await page.locator("body").ariaSnapshot();

    for (const name of [
      'heading "keyprotect-gateway',
      'heading "Instances" [level=2]',
      'heading "Quota of default" [level=2]',
      'table "State of each Key Protect instance"',
      'table "Shares of the callers in the requests to Key Protect"',
      'table "The last 200 calls that failed, the newest first"',
      'img "Latency of calls over time.',
      'img "Circuits over time. Now: data closed, management closed"',
      'radio "unwrap"',
      'button "Copy the correlation ID',
      'navigation "Other pages"',
      "banner",
      "main",
      "contentinfo",
    ]) {
      expect(tree).toContain(name);
    }
    expect(await page.locator("html").getAttribute("lang")).toBe("en");
    expect(await page.locator('#word[aria-live="polite"]').count()).toBe(1);
  });

  test("without JavaScript the page is a table that reloads itself", busy, async () => {
    await using gateway = await startTestGateway({ env: { GATEWAY_RATE_CEILING: "50" } });
    await failTimes(gateway, 2);
    await using opened = await openPage(browser, consoleOf(gateway), { javaScriptEnabled: false });
    const { page } = opened;

    expect(await page.locator('td[data-cell="allowed"]').innerText()).toBe("49.3");
    expect(await page.locator("#failures tr").count()).toBe(2);
    expect(await page.locator("#quota").isVisible()).toBe(false);
    expect(await page.locator("#heat").isVisible()).toBe(false);
    expect(await page.content()).toContain('<meta http-equiv="refresh" content="5">');
  });
});

const longAlias = (at: number): string =>
  `${at}-${"instance-of-the-eastern-region-".repeat(2)}`.slice(0, 60) + String(at);

/** With several instances the configuration needs a file. */
const noInstance = {
  GATEWAY_CONFIG: "instances.yaml",
  KP_SERVICE_URL: "",
  KP_INSTANCE_ID: "",
  KP_API_DIALECT: "",
  IAM_AUTH_URL: "",
} as const;

const instancesFile =
  (count: number) =>
  ({ url, instanceId }: TestGateway["emulator"]) => ({
    "instances.yaml": JSON.stringify({
      defaultInstance: longAlias(0),
      instances: Array.from({ length: count }, (_, at) => ({
        alias: longAlias(at),
        serviceUrl: url,
        iamUrl: url,
        instanceId,
      })),
    }),
  });

describe.each([
  [1280, "light"],
  [1280, "dark"],
  [390, "light"],
  [390, "dark"],
] as const)("the console at %i pixels, %s", (width, colorScheme) => {
  test("nothing is cut off, all texts can be read, and long names have room", busy, async () => {
    await using gateway = await startTestGateway({
      files: instancesFile(12),
      env: { ...noInstance, GATEWAY_CONSOLE_CALLERS: "true" },
    });
    await failTimes(gateway, 5);
    await using opened = await openPage(browser, consoleOf(gateway), {
      viewport: { width, height: 900 },
      colorScheme,
    });
    const { page, complaints } = opened;
    await page.locator("#callers tr").first().waitFor(patient);

    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
    expect(await faintTexts(page)).toEqual([]);
    for (const id of ["instances", "quota", "queue", "callers", "heat", "circuits", "failures"]) {
      const box = await page.locator(`#${id}`).boundingBox();
      expect(box?.width, id).toBeGreaterThan(200);
      expect(box?.height, id).toBeGreaterThan(20);
    }
    expect(complaints).toEqual([]);
  });

  test("empty tables say that they are empty", busy, async () => {
    await using gateway = await startTestGateway();
    await using opened = await openPage(browser, consoleOf(gateway), {
      viewport: { width, height: 900 },
      colorScheme,
    });

    expect(await opened.page.locator("#no-callers").isVisible()).toBe(true);
    expect(await opened.page.locator("#no-failures").isVisible()).toBe(true);
    expect(await opened.page.locator("#queue-figures").innerText()).toBe("nothing waits");
  });
});
