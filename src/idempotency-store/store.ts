/**
 * The interface of the store that remembers requests with an ID, so that none is executed twice.
 */

/** The parts of a request that make it the same request as another one. */
export interface RequestParts {
  /**
   * Instance, RPC, caller, token subject and request ID. Requests are compared within one scope
   * only. The request ID makes the scope unguessable.
   */
  readonly scope: readonly string[];
  /** All fields of the request, without key material in the clear. */
  readonly fields: readonly (string | Uint8Array)[];
  /** Key material in the clear. The store reads it and never keeps it. */
  readonly material: Uint8Array | undefined;
}

/** A request as the store knows it. Neither text reveals anything about the request. */
export interface RequestIdentity {
  /** Equal for equal scopes. */
  readonly name: string;
  /** Within one scope, equal for equal fields and material. */
  readonly fingerprint: string;
}

/**
 * The state of a request when a call asks to execute it.
 *
 * - `begun`: there was no record. It is reserved for the owner, which has to confirm it next.
 * - `running`: another owner executes it, or has reserved it.
 * - `done`: it was executed; `keyId` is the key that it made or changed.
 * - `unknown`: it may or may not have been executed.
 * - `reused`: the record belongs to a request with other fields.
 */
export type BeginResult =
  | { readonly kind: "begun" }
  | { readonly kind: "running" }
  | { readonly kind: "unknown" }
  | { readonly kind: "reused" }
  | { readonly kind: "done"; readonly keyId: string };

/** How an execution ended. `nothing`: certainly not executed; the ID is free again. */
export type Completion =
  | { readonly kind: "nothing" | "unknown" }
  | { readonly kind: "done"; readonly keyId: string };

/**
 * Remembers the requests of one gateway, or of several gateways that share the store. Methods
 * reject with a `StoreError`.
 */
export interface IdempotencyStore {
  /**
   * Computes the identity of a request. Rejects with `ENDED` if `call` is aborted before the
   * expensive part of the computation begins.
   */
  identify(parts: RequestParts, call?: { readonly aborted: boolean }): Promise<RequestIdentity>;
  /**
   * Reads the record of the request, or reserves it, in one atomic step. `owner` is the unique ID
   * of the execution; a second `begin` with the same owner is the same execution. A reservation
   * that is not confirmed within `reserveMs` milliseconds ends by itself. So a rejected `begin`
   * leaves nothing behind, even if it reaches the store later.
   */
  begin(identity: RequestIdentity, owner: string, reserveMs: number): Promise<BeginResult>;
  /**
   * Turns the owner's reservation into a running record. The owner may execute the request only
   * after `true`, and then has to complete it. `false`: the reservation has ended. A record that is
   * not completed within `leaseMs` milliseconds reads as `unknown`. After a rejection the record
   * may be running all the same: complete it as `nothing`.
   */
  confirm(identity: RequestIdentity, owner: string, leaseMs: number): Promise<boolean>;
  /** Completes an execution, also after its lease. Does nothing to the record of another owner. */
  complete(identity: RequestIdentity, owner: string, completion: Completion): Promise<void>;
}
