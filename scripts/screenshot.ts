/**
 * Takes the picture of the console for the README: `npm run screenshot`. It runs the load of
 * `npm run demo:load` for five minutes and then photographs the page in a Chromium of the PATH.
 * Options: `--seconds` (default 318), `--out` (default docs/console.png), `--theme` (default dark).
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { startDemoLoad } from "../examples/demo-load/load.ts";
import { chromiumPath } from "../test/support/chromium.ts";
import { encodeSmallPng } from "./small-png.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "318" },
    out: { type: "string", default: "docs/console.png" },
    theme: { type: "string", default: "dark" },
  },
});
/** The README is loaded by everybody who looks at the repository. */
const mostBytes = 150_000;
/** All panels and the newest failed calls. */
const size = { width: 1280, height: 1430 };

/** Runs in the browser, which can decode a picture: returns its pixels. */
const readPixels = (picture: string): string => `(async () => {
  const image = new Image();
  image.src = "data:image/png;base64,${picture}";
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const { data, width, height } = context.getImageData(0, 0, image.width, image.height);
  let text = "";
  for (let at = 0; at < data.length; at += 32768) {
    text += String.fromCharCode(...data.subarray(at, at + 32768));
  }
  return { width, height, base64: btoa(text) };
})()`;

const executablePath = chromiumPath();
if (executablePath === undefined) throw new Error("there is no chromium on the PATH");
await using load = await startDemoLoad({
  // The page shows its address. The picture should have that of a usual gateway.
  adminListen: "127.0.0.1:9464",
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
  const picture = (await page.screenshot({ type: "png" })).toString("base64");
  const reader = await browser.newPage();
  const pixels: { width: number; height: number; base64: string } = await reader.evaluate(
    readPixels(picture),
  );
  const { width, height, base64 } = pixels;
  const file = encodeSmallPng({ width, height, data: Buffer.from(base64, "base64") });
  if (file.length > mostBytes) throw new Error(`the picture has ${file.length} bytes`);
  writeFileSync(values.out, file);
  console.error(`${values.out}: ${file.length} bytes`);
} finally {
  await browser.close();
}
