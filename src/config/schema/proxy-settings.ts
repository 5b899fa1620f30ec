/** The part of the schema about the proxy on the way to Key Protect and IAM. */
import { group, optionalSetting, setting } from "./setting.ts";
import { kinds } from "./value-kinds.ts";

/** Settings of the proxy. The names of the first three variables are those of other programs. */
export const proxySettings = group({
  https: optionalSetting(kinds.proxyUrl, {
    env: "HTTPS_PROXY",
    isLowerCaseToo: true,
    meaning:
      "HTTP proxy through which Key Protect and IAM are reached (CONNECT). If both spellings are set, the lower case wins. Redis is always reached directly.",
  }),
  http: optionalSetting(kinds.proxyUrl, {
    env: "HTTP_PROXY",
    isLowerCaseToo: true,
    meaning:
      "The same for `http://` URLs of Key Protect and IAM, which are for tests only. Also with CONNECT.",
  }),
  noProxy: setting(kinds.noProxy, {
    env: "NO_PROXY",
    isLowerCaseToo: true,
    fallback: [],
    meaning:
      "Hosts that are reached without the proxy: `*`; a name, which includes the names below it, also as `.name` and `*.name`; an IP address or a network such as `10.0.0.0/8`; a name or an address with a port. Loopback always is.",
  }),
  caFile: optionalSetting(kinds.path, {
    env: "GATEWAY_PROXY_CA_FILE",
    meaning:
      "PEM file of the certificate authorities trusted for an `https://` proxy. If not set: those of `GATEWAY_UPSTREAM_CA_FILE`, else the system's.",
  }),
});
