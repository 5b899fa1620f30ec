/**
 * KMIP adapters as the emulator stores them, and how requests find them. Times are in emulated
 * milliseconds since the Unix epoch.
 */
import { rejection } from "../api/vendor-error.ts";

/** A certificate that a KMIP client may present to use the adapter. */
export interface KmipCertificateRecord {
  readonly id: string;
  readonly name: string;
  readonly pem: string;
  /** SHA-256 of the certificate. No two adapters may have the same certificate. */
  readonly fingerprint: string;
  readonly createdAt: number;
  readonly createdBy: string;
}

/** One change of a KMIP object. A change by a REST call has no certificate. */
export interface KmipObjectEvent {
  readonly at: number;
  readonly by: string;
  readonly certificateId: string | undefined;
}

/** A symmetric key that a KMIP client made. Its material is not emulated. */
export interface KmipObjectRecord {
  readonly id: string;
  state: KmipObjectState;
  readonly recoverable: boolean | undefined;
  readonly created: KmipObjectEvent;
  updated: KmipObjectEvent;
  destroyed: KmipObjectEvent | undefined;
}

/** An adapter with its certificates and objects. */
export interface KmipAdapterRecord {
  readonly id: string;
  readonly name: string;
  readonly description: string | undefined;
  readonly rootKeyId: string;
  readonly createdAt: number;
  readonly createdBy: string;
  /** The latest change of the adapter, of its certificates or of its objects. */
  updatedAt: number;
  updatedBy: string;
  readonly certificates: Map<string, KmipCertificateRecord>;
  readonly objects: Map<string, KmipObjectRecord>;
}

/** States of an object with the numbers of the KMIP specification. */
export const kmipObjectState = {
  preActive: 1,
  active: 2,
  deactivated: 3,
  compromised: 4,
  destroyed: 5,
  destroyedCompromised: 6,
} as const;

/** The number of an object's state. */
export type KmipObjectState = (typeof kmipObjectState)[keyof typeof kmipObjectState];

/** Tells whether a number is the state of a KMIP object. */
export function isKmipObjectState(value: number): value is KmipObjectState {
  return Number.isInteger(value) && value >= 1 && value <= 6;
}

/** Tells whether the material of an object has been destroyed. */
export function isDestroyed({ state }: KmipObjectRecord): boolean {
  return state >= kmipObjectState.destroyed;
}

/** A record that has a name besides its ID. */
export interface KmipNamedRecord {
  readonly id: string;
  readonly name: string;
}

/** Finds a record by its ID, else by its name. */
export function findNamed<Item extends KmipNamedRecord>(
  records: ReadonlyMap<string, Item>,
  idOrName: string,
): Item | undefined {
  return records.get(idOrName) ?? [...records.values()].find(({ name }) => name === idOrName);
}

/** Finds the adapter that a path or a control request names, by its ID or its name. */
export function findAdapter(
  { kmipAdapters }: { readonly kmipAdapters: ReadonlyMap<string, KmipAdapterRecord> },
  idOrName: string,
): KmipAdapterRecord {
  const adapter = findNamed(kmipAdapters, idOrName);
  if (adapter === undefined) throw rejection("KMIP_ADAPTER_NOT_FOUND_ERR");
  return adapter;
}

/** Records that a call changed an adapter, one of its certificates or one of its objects. */
export function noteChange(
  adapter: KmipAdapterRecord,
  call: { readonly now: number; readonly user: { readonly subject: string } },
): void {
  adapter.updatedAt = call.now;
  adapter.updatedBy = call.user.subject;
}
