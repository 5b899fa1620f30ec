/** Access tokens: minting, checking and revoking them. JWTs, because clients read `iat` and `exp` out of them. */
import { createHmac, randomBytes, randomUUID } from "node:crypto";
import type { User } from "../user.ts";

/** A token as IAM hands it out. */
export interface IssuedToken {
  readonly accessToken: string;
  /** Seconds since the epoch. */
  readonly expiration: number;
  /** Seconds. */
  readonly expiresIn: number;
}

/** The outcome of checking a bearer token. */
export type TokenVerdict =
  | { readonly kind: "valid"; readonly user: User }
  /** Not a JWT at all. */
  | { readonly kind: "malformed" }
  /** Expired, revoked or signed by somebody else. */
  | { readonly kind: "rejected" };

export interface Tokens {
  /** Mints a token. Default life: the emulator's. */
  issue(user: User, lifetimeSeconds?: number): IssuedToken;
  check(accessToken: string): TokenVerdict;
  /** Makes every token minted so far worthless, as an administrator who locks an identity does. */
  revokeAll(): void;
  /** Makes one token worthless. */
  revoke(accessToken: string): void;
  /** Sets the life of tokens minted from now on, in seconds. */
  setLifetime(seconds: number): void;
  /** How many tokens were minted. */
  readonly issued: number;
}

interface Minted {
  readonly user: User;
  readonly expiresAtMs: number;
  isRevoked: boolean;
}

const base64url = (value: object): string =>
  Buffer.from(JSON.stringify(value)).toString("base64url");

/** Creates the token authority of one emulator. Its signing secret is random and never leaves it. */
export function createTokens(options: {
  readonly now: () => number;
  readonly accountId: string;
  readonly lifetimeSeconds: number;
}): Tokens {
  const { now, accountId } = options;
  const secret = randomBytes(32);
  const header = base64url({ kid: "emulator", typ: "JWT", alg: "HS256" });
  const minted = new Map<string, Minted>();
  let lifetimeSeconds = options.lifetimeSeconds;
  let issued = 0;

  const sign = (text: string): Buffer => createHmac("sha256", secret).update(text).digest();

  function forgetExpired(): void {
    const current = now();
    for (const [token, { expiresAtMs }] of minted) {
      if (expiresAtMs <= current) minted.delete(token);
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
      minted.set(accessToken, { user, expiresAtMs: expiration * 1000, isRevoked: false });
      issued += 1;
      return { accessToken, expiration, expiresIn: seconds };
    },
    check(accessToken) {
      const known = minted.get(accessToken);
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
      // Every token of this emulator is remembered until it has expired, so this one is expired or foreign.
      return { kind: "rejected" };
    },
    revokeAll() {
      for (const token of minted.values()) token.isRevoked = true;
    },
    revoke(accessToken) {
      const known = minted.get(accessToken);
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
