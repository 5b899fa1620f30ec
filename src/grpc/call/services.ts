import { KmipAdaptersServiceService } from "../../gen/keyprotect/kmip/v1/kmip_adapters_service.ts";
import { KmipCertificatesServiceService } from "../../gen/keyprotect/kmip/v1/kmip_certificates_service.ts";
import { KmipObjectsServiceService } from "../../gen/keyprotect/kmip/v1/kmip_objects_service.ts";
import { AliasesServiceService } from "../../gen/keyprotect/v1/aliases_service.ts";
import { InstancePoliciesServiceService } from "../../gen/keyprotect/v1/instance_policies_service.ts";
import { KeyActionsServiceService } from "../../gen/keyprotect/v1/key_actions_service.ts";
import { KeyRingsServiceService } from "../../gen/keyprotect/v1/key_rings_service.ts";
import { KeysServiceService } from "../../gen/keyprotect/v1/keys_service.ts";
import { LockersServiceService } from "../../gen/keyprotect/v1/lockers_service.ts";
import { PoliciesServiceService } from "../../gen/keyprotect/v1/policies_service.ts";
import { RegistrationsServiceService } from "../../gen/keyprotect/v1/registrations_service.ts";

/** The service definitions of the contract; the generator's names end in a second `Service`. */
export const services = {
  keys: KeysServiceService,
  keyActions: KeyActionsServiceService,
  policies: PoliciesServiceService,
  instancePolicies: InstancePoliciesServiceService,
  aliases: AliasesServiceService,
  keyRings: KeyRingsServiceService,
  registrations: RegistrationsServiceService,
  lockers: LockersServiceService,
  kmipAdapters: KmipAdaptersServiceService,
  kmipObjects: KmipObjectsServiceService,
  kmipCertificates: KmipCertificatesServiceService,
} as const;
