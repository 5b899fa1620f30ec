/** Keeps secrets out of logs and error reports. */
import { inspect } from "node:util";

/** Printed in place of a secret. */
export const redacted = "[redacted]";

/**
 * A secret text, such as an API key or an access token. String conversion, JSON and `util.inspect`
 * (so also `console` and error reports) print `[redacted]`. Only `reveal` returns the text.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** Returns the text. Only for the code that sends it. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [inspect.custom](): string {
    return redacted;
  }
}
