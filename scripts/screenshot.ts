/**
 * Takes the picture of the console for the README: `npm run screenshot`. It runs the load of
 * `npm run demo:load` for five minutes and then photographs the page in a Chromium of the PATH.
 * Options: `--seconds` (default 318), `--out` (default docs/console.png), `--theme` (default dark).
 */
import { statSync } from "node:fs";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { startDemoLoad } from "../examples/demo-load/load.ts";
import { chromiumPath } from "../test/support/chromium.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "318" },
    out: { type: "string", default: "docs/console.png" },
    theme: { type: "string", default: "dark" },
  },
});
/** The README is loaded by everybody who looks at the repository. */
const mostBytes = 150_000;
/** Shows all panels and the newest failed calls. */
const size = { width: 1280, height: 1400 };

const executablePath = chromiumPath();
if (executablePath === undefined) throw new Error("there is no chromium on the PATH");
await using load = await startDemoLoad({
  adminListen: "127.0.0.1:0",
  onStep: (title) => console.error(title),
});
await new Promise((resolve) => setTimeout(resolve, Number(values.seconds) * 1_000));
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  const page = await browser.newPage({
    viewport: size,
    colorScheme: values.theme === "light" ? "light" : "dark",
    timezoneId: "UTC",
    locale: "en-GB",
  });
  await page.goto(load.url);
  await page.locator('#live[data-live="yes"]').waitFor();
  await page.locator("#failures tr").first().waitFor();
  // The address of the picture is that of a usual gateway.
  await page.evaluate(`document.querySelector("#live").textContent = "127.0.0.1:9464 live"`);
  await page.screenshot({ path: values.out, type: "png" });
} finally {
  await browser.close();
}
const { size: bytes } = statSync(values.out);
console.error(`${values.out}: ${bytes} bytes`);
if (bytes > mostBytes) throw new Error(`the picture is larger than ${mostBytes} bytes`);
