/**
 * Node's names for failed certificate verification (OpenSSL), TLS protocol errors and mismatched
 * host names.
 */
const tlsCode = new RegExp(
  [
    "^ERR_(?:TLS|SSL)_",
    "^EPROTO$",
    "CERT",
    "_CRL",
    "^CRL_",
    "^UNABLE_TO_",
    "^INVALID_(?:CA|PURPOSE)$",
    "^PATH_LENGTH_EXCEEDED$",
    "^HOSTNAME_MISMATCH$",
  ].join("|"),
);

/**
 * Whether the `code` of a connection error means that the peer is not trusted or that the TLS
 * handshake failed.
 */
export const isTlsFailure = (code: string): boolean => tlsCode.test(code);
