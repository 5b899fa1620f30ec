/** OpenSSL's verification results as Node names them, failures of the TLS protocol, and host names that do not match. */
const tlsCode =
  /^ERR_(?:TLS|SSL)_|^EPROTO$|CERT|_CRL|^CRL_|^UNABLE_TO_|^INVALID_(?:CA|PURPOSE)$|^PATH_LENGTH_EXCEEDED$|^HOSTNAME_MISMATCH$/;

/** Whether the code of a connection's error says that the other side is not trusted, or does not speak TLS as demanded. */
export const isTlsFailure = (code: string): boolean => tlsCode.test(code);
