/**
 * Issues, checks and revokes access tokens. Tokens are JWTs, because clients read the claims `iat`
 * and `exp`.
 */
import { createHmac, randomBytes, randomUUID } from "node:crypto";
import type { User } from "../user.ts";

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
  | { readonly kind: "valid"; readonly user: User }
  /** The text is not a JWT. */
  | { readonly kind: "malformed" }
  /** The token has expired, was revoked or has a foreign signature. */
  | { readonly kind: "rejected" };

/** The token authority of an emulator. */
export interface Tokens {
  /** Issues a token. `lifetimeSeconds` defaults to the value of `setLifetime`. */
  issue(user: User, lifetimeSeconds?: number): IssuedToken;
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
  readonly user: User;
  readonly expiresAtMs: number;
  isRevoked: boolean;
}

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

  function forgetExpired(): void {
    const current = now();
    for (const [token, { expiresAtMs }] of records) {
      if (expiresAtMs <= current) records.delete(token);
    }
  }

  return {
    issue(user, seconds = lifetimeSeconds) {
      if (issued % 1000 === 999) forgetExpired();
      const issuedAt = Math.floor(now() / 1000);
      const expiration = issuedAt + seconds;
      const claims = base64url({
        iam_id: user.subject,
        id: user.subject,
        realmid: "IBMid",
        jti: randomUUID(),
        sub: user.subject,
        sub_type: "User",
        account: { valid: true, bss: accountId },
        iat: issuedAt,
        exp: expiration,
        iss: "https://iam.cloud.ibm.com/identity",
        grant_type: "urn:ibm:params:oauth:grant-type:apikey",
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
