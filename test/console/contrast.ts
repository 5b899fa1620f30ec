/** Contrast of texts with their background (WCAG 2.2, 1.4.3, 1.4.11), measured in the browser. */
import type { Page } from "playwright-core";

/** A text whose contrast is too low. */
export interface FaintText {
  readonly text: string;
  readonly ratio: number;
}

/** Runs in the browser. It is a text: the tests are compiled without the types of the DOM. */
const measure = `(() => {
  const channels = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const luminance = ([r, g, b]) => {
    const linear = [r, g, b].map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const ratioOf = (a, b) => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light + 0.05) / (dark + 0.05);
  };
  const groundOf = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const [r, g, b, alpha = 1] = channels(getComputedStyle(at).backgroundColor);
      if (alpha === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].filter((node) => node.nodeType === 3)
      .map((node) => node.textContent.trim()).join("");
    if (text === "" || element.getClientRects().length === 0) continue;
    const ratio = ratioOf(channels(getComputedStyle(element).color), groundOf(element));
    if (ratio < 4.5) faint.push({ text, ratio });
  }
  const probe = document.createElement("i");
  document.body.append(probe);
  for (const name of ["allowed", "sent", "safe", "bad", "odd", "interactive", "heat-line"]) {
    probe.style.color = "var(--" + name + ")";
    const panel = document.querySelector(".panel");
    const ratio = ratioOf(channels(getComputedStyle(probe).color), groundOf(panel));
    if (ratio < 3) faint.push({ text: "--" + name, ratio });
  }
  probe.remove();
  return faint;
})()`;

/** Texts with a contrast below 4.5, and colours of lines with less than 3. */
export const faintTexts = (page: Page): Promise<readonly FaintText[]> => page.evaluate(measure);
