/** An item with a ciphertext. */
interface CiphertextItem {
  readonly keyId: string;
  readonly ciphertext: Buffer;
  readonly additionalAuthenticatedData: readonly string[];
}

/** The text that items have in common if Key Protect would get equal requests for them. */
export const ciphertextIdentity = (item: CiphertextItem): string =>
  JSON.stringify([
    item.keyId,
    item.ciphertext.toString("latin1"),
    ...item.additionalAuthenticatedData,
  ]);
