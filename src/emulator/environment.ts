/** What the routes need to know of the emulator they run in. */
import type { Profile } from "./profile.ts";
import type { TransportKeySource } from "./lockers/transport-key.ts";

export interface Environment {
  readonly profile: Profile;
  /** Appears in CRNs. */
  readonly region: string;
  /** Appears in CRNs and tokens. */
  readonly accountId: string;
  readonly transportKeys: TransportKeySource;
}
