/** Opens the console in a real browser and watches what the browser complains about. */
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { chromiumPath } from "../support/chromium.ts";

/** A page, and what the browser said against it. */
export interface OpenPage extends AsyncDisposable {
  readonly page: Page;
  /** Errors and warnings of the browser's console, exceptions, and violations of the policy. */
  readonly complaints: readonly string[];
}

/** Starts the browser. Root may run it only without its sandbox. */
export const startBrowser = (): Promise<Browser> =>
  chromium.launch({
    ...(chromiumPath() === undefined ? {} : { executablePath: chromiumPath() ?? "" }),
    args: ["--no-sandbox"],
  });

/** Opens an address. Unless scripts are off, waits until the page shows the first event. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<OpenPage> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    permissions: ["clipboard-read", "clipboard-write"],
    ...options,
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.exposeFunction("policyViolated", (what: string) => complaints.push(what));
  await page.addInitScript(`addEventListener("securitypolicyviolation",
    (event) => policyViolated(event.violatedDirective + " " + event.blockedURI))`);
  await page.goto(url);
  if (options.javaScriptEnabled !== false) {
    await page.locator('#live[data-live="yes"]').waitFor({ timeout: 15_000 });
  }
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}

/** The address of a gateway's console. */
export const consoleOf = ({
  gateway,
}: {
  readonly gateway: { readonly admin: { readonly host: string; readonly port: number } };
}): string => `http://${gateway.admin.host}:${gateway.admin.port}/console`;
