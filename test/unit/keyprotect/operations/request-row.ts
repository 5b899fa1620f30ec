import type { KeyProtectClient } from "../../../../src/keyprotect/client.ts";
import type { ApiDialect } from "../../../../src/platform/api-dialect.ts";
import type { Answer } from "../fake-upstream.ts";

/** One operation: the request that it sends, the response, and what it gives. */
export interface RequestRow {
  readonly states: string;
  readonly dialects: readonly ApiDialect[];
  readonly ask: (client: KeyProtectClient) => Promise<unknown>;
  readonly request: string;
  readonly accept: string;
  readonly contentType?: string;
  readonly prefer?: string;
  readonly keyRing?: string;
  /** JSON of the body; `""` for an empty one; absent for none. */
  readonly body?: unknown;
  readonly maxResponseBytes?: number;
  readonly answer: Answer;
  readonly gives: unknown;
}
