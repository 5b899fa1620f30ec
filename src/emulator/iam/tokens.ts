/**
 * Issues, checks and revokes access tokens. Tokens are JWTs, because clients read the claims `iat`
 * and `exp`.
 */
import { createHmac, randomBytes, randomUUID } from "node:crypto";
import type { Identity } from "../user.ts";

/** An access token in the answer of IAM. */
export interface IssuedToken {
  readonly accessToken: string;
  /** End of the token's life, in seconds since the Unix epoch. */
  readonly expiration: number;
  /** Life of the token, in seconds. */
  readonly expiresIn: number;
}

/** The outcome of checking a bearer token. */
export type TokenCheck =
  | { readonly kind: "valid"; readonly user: Identity }
  /** The text is not a JWT. */
  | { readonly kind: "malformed" }
  /** The token has expired, was revoked or has a foreign signature. */
  | { readonly kind: "rejected" };

/** The token authority of an emulator. */
export interface Tokens {
  /**
   * Issues a token. `lifetimeSeconds` defaults to the value of `setLifetime`, `grantType` to that
   * of an API key.
   */
  issue(user: Identity, lifetimeSeconds?: number, grantType?: string): IssuedToken;
  /** Issues a token that proves the identity of a server to the metadata service. */
  issueIdentity(lifetimeSeconds: number): IssuedToken;
  /** Whether a token that proves a server's identity is valid. */
  isIdentity(token: string): boolean;
  /** Checks a bearer token. */
  check(accessToken: string): TokenCheck;
  /** Revokes every token issued so far, as IAM does when an administrator locks an identity. */
  revokeAll(): void;
  /** Revokes one token. */
  revoke(accessToken: string): void;
  /** Sets the life of tokens issued from now on, in seconds. */
  setLifetime(seconds: number): void;
  /** Number of tokens issued since the start. */
  readonly issued: number;
}

interface TokenRecord {
  readonly user: Identity;
  readonly expiresAtMs: number;
  isRevoked: boolean;
}

/** The grant type of an API key. */
export const apiKeyGrant = "urn:ibm:params:oauth:grant-type:apikey";

const base64url = (value: object): string =>
  Buffer.from(JSON.stringify(value)).toString("base64url");

/** Creates the token authority of one emulator, with a random signing secret. */
export function createTokens(options: {
  readonly now: () => number;
  readonly accountId: string;
  readonly lifetimeSeconds: number;
}): Tokens {
  const { now, accountId } = options;
  const secret = randomBytes(32);
  const header = base64url({ kid: "emulator", typ: "JWT", alg: "HS256" });
  const records = new Map<string, TokenRecord>();
  let lifetimeSeconds = options.lifetimeSeconds;
  let issued = 0;

  const sign = (text: string): Buffer => createHmac("sha256", secret).update(text).digest();

  /** End of the life of each identity token, in milliseconds since the epoch. */
  const identityTokens = new Map<string, number>();

  function forgetExpired(): void {
    const current = now();
    for (const [token, { expiresAtMs }] of records) {
      if (expiresAtMs <= current) records.delete(token);
    }
  }

  return {
    issue(user, seconds = lifetimeSeconds, grantType = apiKeyGrant) {
      if (issued % 1000 === 999) forgetExpired();
      const issuedAt = Math.floor(now() / 1000);
      const expiration = issuedAt + seconds;
      const claims = base64url({
        iam_id: user.subject,
        id: user.subject,
        realmid: "IBMid",
        jti: randomUUID(),
        sub: user.subject,
        sub_type: user.subject.startsWith("iam-Profile-") ? "Profile" : "User",
        account: { valid: true, bss: accountId },
        iat: issuedAt,
        exp: expiration,
        iss: "https://iam.cloud.ibm.com/identity",
        grant_type: grantType,
        scope: "ibm openid",
        client_id: "default",
        acr: 1,
        amr: ["pwd"],
      });
      const signature = sign(`${header}.${claims}`).toString("base64url");
      const accessToken = `${header}.${claims}.${signature}`;
      records.set(accessToken, { user, expiresAtMs: expiration * 1000, isRevoked: false });
      issued += 1;
      return { accessToken, expiration, expiresIn: seconds };
    },
    issueIdentity(seconds) {
      for (const [token, end] of identityTokens) if (end <= now()) identityTokens.delete(token);
      const accessToken = randomBytes(48).toString("base64url");
      identityTokens.set(accessToken, now() + seconds * 1000);
      return { accessToken, expiration: Math.floor(now() / 1000) + seconds, expiresIn: seconds };
    },
    isIdentity: (token) => now() < (identityTokens.get(token) ?? 0),
    check(accessToken) {
      const known = records.get(accessToken);
      if (known !== undefined) {
        const isGood = !known.isRevoked && now() < known.expiresAtMs;
        return isGood ? { kind: "valid", user: known.user } : { kind: "rejected" };
      }
      const [head, claims, signature, ...rest] = accessToken.split(".");
      if (
        head === undefined ||
        claims === undefined ||
        signature === undefined ||
        rest.length > 0
      ) {
        return { kind: "malformed" };
      }
      if (!hasSubject(claims)) return { kind: "malformed" };
      // Each issued token is kept until it expires, so an unknown token is expired or foreign.
      return { kind: "rejected" };
    },
    revokeAll() {
      for (const token of records.values()) token.isRevoked = true;
    },
    revoke(accessToken) {
      const known = records.get(accessToken);
      if (known !== undefined) known.isRevoked = true;
    },
    setLifetime(seconds) {
      lifetimeSeconds = seconds;
    },
    get issued() {
      return issued;
    },
  };
}

function hasSubject(claims: string): boolean {
  try {
    const value: unknown = JSON.parse(Buffer.from(claims, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null && "sub" in value;
  } catch {
    return false;
  }
}
