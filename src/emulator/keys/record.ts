/** A key as the emulated service stores it. Times are emulated milliseconds since the epoch. */

/** One generation of a key's material. */
export interface KeyVersion {
  readonly id: string;
  readonly createdAt: number;
  readonly material: Buffer;
}

/** Who set a policy, and when. */
export interface PolicyRecord<Setting> {
  readonly id: string;
  setting: Setting;
  readonly createdBy: string;
  readonly createdAt: number;
  updatedBy: string;
  updatedAt: number;
}

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

export interface KeyRecord {
  readonly id: string;
  readonly crn: string;
  readonly name: string;
  readonly description: string | undefined;
  readonly tags: readonly string[];
  /** In the order of their creation. */
  readonly aliases: string[];
  /** `true`: standard key; `false`: root key. */
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
  /** The latest change that services using the key would be told about. */
  lifecycleEventAt: number | undefined;
  /** Oldest first; never empty. A standard key has exactly one. */
  readonly versions: KeyVersion[];
  rotation: PolicyRecord<RotationSetting> | undefined;
  dualAuthDelete: PolicyRecord<boolean> | undefined;
  /** The first of the two authorizations that a dual-authorization key needs for its deletion. */
  deletionAuthorization: { readonly at: number; readonly by: string } | undefined;
  registrations: Registration[];
}

/** The newest version of a key. */
export function newestVersion(key: KeyRecord): KeyVersion {
  const version = key.versions.at(-1);
  if (version === undefined) throw new Error("a key has at least one version");
  return version;
}
