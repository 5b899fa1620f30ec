import type { Profile } from "./profile.ts";
import type { TransportKeySource } from "./lockers/transport-key.ts";

/** The settings of an emulator that its routes depend on. */
export interface Environment {
  readonly profile: Profile;
  /** Region in CRNs. */
  readonly region: string;
  /** Account in CRNs and tokens. */
  readonly accountId: string;
  readonly transportKeys: TransportKeySource;
}
