/**
 * A plain HTTP client of the emulator, so that its tests do not depend on another client of the
 * API.
 */
import { request as httpRequest } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import type { Emulator } from "../../../src/emulator/emulator.ts";

/** An answer. Its body is decoded if it is JSON. */
export interface RestAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: JsonValue;
}

/** Decoded JSON with access by path. Missing values are `undefined`. */
export class JsonValue {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }

  /** Returns the value at a path of field names and list indexes. */
  at(...path: readonly (string | number)[]): unknown {
    let current: unknown = this.value;
    for (const step of path) {
      if (typeof current !== "object" || current === null) return undefined;
      current = new Map<string, unknown>(Object.entries(current)).get(String(step));
    }
    return current;
  }

  /** Returns the string at a path. Throws if there is none. */
  text(...path: readonly (string | number)[]): string {
    const found = this.at(...path);
    if (typeof found !== "string") throw new TypeError(`no text at ${path.join(".")}`);
    return found;
  }
}

/** A client with a token. */
export interface RestClient {
  /** Sends a request below `/api/v2`. A string body is sent as it is. */
  call(method: string, path: string, body?: unknown, headers?: Headers): Promise<RestAnswer>;
  /** Creates a key and returns its ID. */
  createKey(fields?: Readonly<Record<string, unknown>>): Promise<string>;
}

type Headers = Readonly<Record<string, string>>;

/** Sends one request on a new connection. */
export function send(
  url: string,
  method: string,
  headers: Headers,
  body: string | undefined,
): Promise<RestAnswer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          body: new JsonValue(parse(text)),
        });
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Creates a client with a token of one of the emulator's users. */
export function createRestClient(
  emulator: Emulator,
  options: { readonly userIndex?: number; readonly instanceId?: string } = {},
): RestClient {
  const user = emulator.users[options.userIndex ?? 0];
  if (user === undefined) throw new RangeError("there is no such user");
  const signIn = (): string => emulator.tokens.issue(user).accessToken;
  const call: RestClient["call"] = (method, path, body, headers = {}) =>
    send(
      `${emulator.url}/api/v2${path}`,
      method,
      {
        authorization: `Bearer ${signIn()}`,
        "bluemix-instance": options.instanceId ?? emulator.instanceId,
        ...headers,
      },
      body === undefined || typeof body === "string" ? body : JSON.stringify(body),
    );
  return {
    call,
    async createKey(fields = {}) {
      const answer = await call(
        "POST",
        "/keys",
        collectionOf({ name: "test", extractable: false, ...fields }),
      );
      if (answer.status !== 201) throw new Error(`the key was not created: ${answer.text}`);
      return answer.body.text("resources", 0, "id");
    },
  };
}

/** Returns a collection with one resource. */
export function collectionOf(resource: Readonly<Record<string, unknown>>): object {
  const collectionType = "application/vnd.ibm.kms.key+json";
  return { metadata: { collectionType, collectionTotal: 1 }, resources: [resource] };
}

/** Returns the status and the reason code of an error answer. */
export function rejectionIn({ status, body }: RestAnswer): readonly [number, unknown] {
  return [status, body.at("resources", 0, "reasons", 0, "code")];
}
