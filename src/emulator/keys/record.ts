/** Keys as the emulator stores them. Times are in emulated milliseconds since the Unix epoch. */

/** One version of a key's material. */
export interface KeyVersion {
  readonly id: string;
  readonly createdAt: number;
  readonly material: Buffer;
}

/** A policy with its authors and times. */
export interface PolicyRecord<Setting> {
  readonly id: string;
  setting: Setting;
  readonly createdBy: string;
  readonly createdAt: number;
  updatedBy: string;
  updatedAt: number;
}

/** The content of a rotation policy. */
export interface RotationSetting {
  readonly isEnabled: boolean;
  readonly intervalMonths: number;
}

/** A cloud resource that a key protects. */
export interface Registration {
  readonly resourceCrn: string;
  readonly preventsDeletion: boolean;
  readonly description: string;
  readonly createdBy: string;
  readonly createdAt: number;
}

/** A key with its policies and registrations. */
export interface KeyRecord {
  readonly id: string;
  readonly crn: string;
  readonly name: string;
  readonly description: string | undefined;
  readonly tags: readonly string[];
  /** In the order of their creation. */
  readonly aliases: string[];
  /** `true` for a standard key, `false` for a root key. */
  readonly extractable: boolean;
  readonly imported: boolean;
  ringId: string;
  readonly createdAt: number;
  readonly createdBy: string;
  readonly expiresAt: number | undefined;
  updatedAt: number | undefined;
  rotatedAt: number | undefined;
  suspendedAt: number | undefined;
  deletion: { readonly at: number; readonly by: string } | undefined;
  /** Time of the latest change that other IBM services are notified of. */
  lifecycleEventAt: number | undefined;
  /** Oldest first, never empty. A standard key has exactly one. */
  readonly versions: KeyVersion[];
  rotation: PolicyRecord<RotationSetting> | undefined;
  dualAuthDelete: PolicyRecord<boolean> | undefined;
  /** The first of the two authorizations to delete a key that needs dual authorization. */
  deletionAuthorization: { readonly at: number; readonly by: string } | undefined;
  registrations: Registration[];
}

/** Returns the newest version of a key. */
export function newestVersion(key: KeyRecord): KeyVersion {
  const version = key.versions.at(-1);
  if (version === undefined) throw new Error("a key has at least one version");
  return version;
}
