import { inspect } from "node:util";

/** What is printed instead of a secret. */
export const redacted = "[redacted]";

/**
 * A text that must not be shown: an API key, an access token. Every way of printing it by accident (string conversion,
 * JSON, `util.inspect`, and with it `console` and error reports) gives `[redacted]`; `reveal` is the one way to the text.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself, for the one place that has to send it. */
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
