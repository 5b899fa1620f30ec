import { assert, boolean, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { errors } from "undici";
import { toUpstreamError } from "../../../../src/upstream/transport/transport-error.ts";
import { UpstreamError } from "../../../../src/upstream/error.ts";

const withCode = (code: string, message = "SECRET"): Error =>
  Object.assign(new Error(message), { code });

describe("toUpstreamError", () => {
  test.each([
    ["ECONNREFUSED", "UNREACHABLE", "RESET"],
    ["ENOTFOUND", "UNREACHABLE", "RESET"],
    ["EAI_AGAIN", "UNREACHABLE", "RESET"],
    ["EHOSTUNREACH", "UNREACHABLE", "RESET"],
    ["ECONNRESET", "UNREACHABLE", "RESET"],
    ["EPIPE", "UNREACHABLE", "RESET"],
    ["ETIMEDOUT", "UNREACHABLE", "RESET"],
    ["UND_ERR_SOCKET", "UNREACHABLE", "RESET"],
    ["UND_ERR_CONNECT_TIMEOUT", "UNREACHABLE", "UNREACHABLE"],
    ["UND_ERR_HEADERS_TIMEOUT", "ATTEMPT_TIMEOUT", "ATTEMPT_TIMEOUT"],
    ["UND_ERR_BODY_TIMEOUT", "ATTEMPT_TIMEOUT", "ATTEMPT_TIMEOUT"],
    ["UND_ERR_HEADERS_OVERFLOW", "BAD_RESPONSE", "BAD_RESPONSE"],
    ["UND_ERR_RES_CONTENT_LENGTH_MISMATCH", "BAD_RESPONSE", "BAD_RESPONSE"],
    ["UND_ERR_RES_EXCEEDED_MAX_SIZE", "BAD_RESPONSE", "BAD_RESPONSE"],
    ["UND_ERR_CLOSED", "SHUTDOWN", "SHUTDOWN"],
    ["UND_ERR_DESTROYED", "SHUTDOWN", "SHUTDOWN"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "TLS", "TLS"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "TLS", "TLS"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "TLS", "TLS"],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "TLS", "TLS"],
    ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "TLS", "TLS"],
    ["CERT_HAS_EXPIRED", "TLS", "TLS"],
    ["CERT_NOT_YET_VALID", "TLS", "TLS"],
    ["CERT_REVOKED", "TLS", "TLS"],
    ["INVALID_PURPOSE", "TLS", "TLS"],
    ["INVALID_CA", "TLS", "TLS"],
    ["HOSTNAME_MISMATCH", "TLS", "TLS"],
    ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", "TLS", "TLS"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "TLS", "TLS"],
    ["EPROTO", "TLS", "TLS"],
  ])("undici's %s becomes %s before and %s after writing began", (code, before, after) => {
    expect(toUpstreamError(withCode(code), false)).toMatchObject({ code: before, sent: false });
    expect(toUpstreamError(withCode(code), true)).toMatchObject({ code: after, sent: true });
  });

  test("a parser error is known by its class and loses its bytes", () => {
    const parserError = Object.assign(new errors.HTTPParserError("does not match"), {
      data: "SECRET",
    });

    expect(toUpstreamError(parserError, true)).toMatchObject({ code: "BAD_RESPONSE", sent: true });
    expect(parserError.data).toBeUndefined();
  });

  test("an unexpected interim response is known by its text", () => {
    const error = toUpstreamError(withCode("UND_ERR_SOCKET", "bad response"), true);

    expect(error).toMatchObject({ code: "BAD_RESPONSE" });
  });

  test("a request that cannot be written is a defect of the gateway", () => {
    const error = toUpstreamError(withCode("UND_ERR_INVALID_ARG"), false);

    expect(error).not.toBeInstanceOf(UpstreamError);
    expect(error.message).not.toContain("SECRET");
  });

  test("every error is translated, keeps its cause and has none of the cause's text", () => {
    assert(
      property(string(), string({ minLength: 1 }), boolean(), (code, secret, isSent) => {
        const cause = withCode(code, `<<${secret}>>`);
        const error = toUpstreamError(cause, isSent);
        expect(error.cause).toBe(cause);
        expect(error.message).not.toContain(`<<${secret}>>`);
        if (error instanceof UpstreamError) expect(error.sent).toBe(isSent);
      }),
    );
  });
});
