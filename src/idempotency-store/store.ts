/** What is remembered of requests that carry an ID, so that none of them is carried out twice. */

/** A request in terms of what makes it the same as another one. */
export interface RequestParts {
  /** Who asked for what, where, under which ID: requests meet only in the same scope. The ID makes it unguessable. */
  readonly scope: readonly string[];
  /** Everything that the request asks for but key material in the clear. */
  readonly fields: readonly (string | Uint8Array)[];
  /** Key material in the clear. It is read, never kept. */
  readonly material: Uint8Array | undefined;
}

/** A request as its record knows it. Neither text tells anything about the request. */
export interface RequestIdentity {
  /** The same for the same scope. */
  readonly name: string;
  /** The same for the same fields and material, within a scope. */
  readonly fingerprint: string;
}

/**
 * What the record of a request says.
 *
 * - `claimed`: there was none; the claimant, and nobody else, may carry the request out, and has to settle it.
 * - `running`: somebody else is carrying it out.
 * - `done`: it was carried out, and this is the key that it made or changed.
 * - `unknown`: nobody knows whether it was carried out.
 * - `reused`: the record is that of a request with other fields.
 */
export type Claim =
  | { readonly kind: "claimed" | "running" | "unknown" | "reused" }
  | { readonly kind: "done"; readonly keyId: string };

/** How a claimed request ended; `nothing`: certainly not carried out, so that its ID is free again. */
export type Settlement =
  | { readonly kind: "nothing" | "unknown" }
  | { readonly kind: "done"; readonly keyId: string };

/** The records of one gateway, or of several that share them. Methods reject with a `RecordsError` alone. */
export interface RequestRecords {
  /** What takes its time is not begun any more for a `call` that has ended: rejects with `ENDED`. */
  identify(parts: RequestParts, call?: { readonly aborted: boolean }): Promise<RequestIdentity>;
  /**
   * Reads the record, or starts one, in a single step. A claim that is not settled within `leaseMs` milliseconds reads as `unknown`
   * from then on. `claimant` is an ID of the claim; claiming again with the same one is the same claim. After a rejection the
   * claim may still have come about: settle it as `nothing`.
   */
  claim(identity: RequestIdentity, claimant: string, leaseMs: number): Promise<Claim>;
  /** Ends a claim, even one whose lease is over. Does nothing to the claim of somebody else. */
  settle(identity: RequestIdentity, claimant: string, settlement: Settlement): Promise<void>;
}
