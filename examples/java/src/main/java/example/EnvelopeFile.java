package example;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/** Envelope files: the format is in examples/README.md. */
final class EnvelopeFile {
  /** The first bytes of an envelope file, and the first string of its authenticated data. */
  static final String MAGIC = "KPENVF01";

  /** Plaintext bytes of a segment. Only the last one may be shorter. */
  private static final int SEGMENT_SIZE = 65_536;

  private static final int TAG_SIZE = 16;

  /** The part before the segments. The key is the ID, alias or CRN of the root key. */
  record Header(String keyId, byte[] wrappedDataKey) {}

  /** Encrypts a file. A data key must encrypt one file only. */
  static void encrypt(Path from, Path to, Header header, byte[] key)
      throws IOException, GeneralSecurityException {
    replace(
        from,
        to,
        (input, output) -> {
          write(header, output);
          forEachSegment(
              input,
              SEGMENT_SIZE,
              (segment, nonce) ->
                  output.write(gcm(Cipher.ENCRYPT_MODE, key, nonce).doFinal(segment)));
        });
  }

  /** Reads the header of an envelope file. */
  static Header readHeader(Path path) throws IOException {
    try (InputStream input = Files.newInputStream(path)) {
      return nextHeader(input);
    }
  }

  /** Decrypts a file. Nothing appears at {@code to} unless the whole file is genuine. */
  static void decrypt(Path from, Path to, byte[] key)
      throws IOException, GeneralSecurityException {
    replace(
        from,
        to,
        (input, output) -> {
          nextHeader(input);
          forEachSegment(
              input,
              SEGMENT_SIZE + TAG_SIZE,
              (segment, nonce) -> {
                // The cipher of some JDKs fails otherwise if there is less than a tag.
                if (segment.length < TAG_SIZE) {
                  throw damaged();
                }
                try {
                  output.write(gcm(Cipher.DECRYPT_MODE, key, nonce).doFinal(segment));
                } catch (AEADBadTagException wrong) {
                  throw damaged();
                }
              });
        });
  }

  /** Replaces the header of a file. The segments and the file's mode stay. */
  static void replaceHeader(Path path, Header header)
      throws IOException, GeneralSecurityException {
    Set<PosixFilePermission> mode = Files.getPosixFilePermissions(path);
    replace(
        path,
        path,
        (input, output) -> {
          nextHeader(input);
          write(header, output);
          input.transferTo(output);
        });
    Files.setPosixFilePermissions(path, mode);
  }

  private static Cipher gcm(int mode, byte[] key, byte[] nonce) throws GeneralSecurityException {
    Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
    GCMParameterSpec parameters = new GCMParameterSpec(8 * TAG_SIZE, nonce);
    cipher.init(mode, new SecretKeySpec(key, "AES"), parameters);
    return cipher;
  }

  private static void write(Header header, OutputStream output) throws IOException {
    ByteArrayOutputStream encoded = new ByteArrayOutputStream();
    DataOutputStream data = new DataOutputStream(encoded);
    data.writeBytes(MAGIC);
    byte[] keyId = header.keyId().getBytes(StandardCharsets.UTF_8);
    for (byte[] field : List.of(keyId, header.wrappedDataKey())) {
      data.writeShort(field.length);
      data.write(field);
    }
    encoded.writeTo(output);
  }

  private static Header nextHeader(InputStream input) throws IOException {
    byte[] start = input.readNBytes(MAGIC.length());
    if (!Arrays.equals(start, MAGIC.getBytes(StandardCharsets.US_ASCII))) {
      throw new IOException("not an envelope file");
    }
    try {
      DataInputStream data = new DataInputStream(input);
      byte[] keyId = new byte[data.readUnsignedShort()];
      data.readFully(keyId);
      byte[] wrappedDataKey = new byte[data.readUnsignedShort()];
      data.readFully(wrappedDataKey);
      return new Header(new String(keyId, StandardCharsets.UTF_8), wrappedDataKey);
    } catch (EOFException end) {
      throw damaged();
    }
  }

  private interface SegmentUser {
    void use(byte[] segment, byte[] nonce) throws IOException, GeneralSecurityException;
  }

  /** Reads segments of {@code size} bytes, and tells the last one by its nonce. */
  private static void forEachSegment(InputStream input, int size, SegmentUser user)
      throws IOException, GeneralSecurityException {
    byte[] segment = input.readNBytes(size);
    for (long number = 0; ; number++) {
      byte[] next = input.readNBytes(size);
      boolean isLast = next.length == 0;
      ByteBuffer nonce = ByteBuffer.allocate(12).putLong(3, number);
      nonce.put(11, (byte) (isLast ? 1 : 0));
      user.use(segment, nonce.array());
      if (isLast) {
        return;
      }
      segment = next;
    }
  }

  private interface Writer {
    void write(InputStream input, OutputStream output) throws IOException, GeneralSecurityException;
  }

  /**
   * Writes a new file beside {@code to}, readable by its owner alone, and renames it when it is
   * whole.
   */
  private static void replace(Path from, Path to, Writer writer)
      throws IOException, GeneralSecurityException {
    Path folder = to.toAbsolutePath().getParent();
    try (InputStream input = Files.newInputStream(from)) {
      Path temporary = Files.createTempFile(folder, to.getFileName() + ".", ".tmp");
      try {
        try (FileOutputStream output = new FileOutputStream(temporary.toFile())) {
          writer.write(input, output);
          output.getFD().sync();
        }
        Files.move(temporary, to, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(temporary);
      }
    }
  }

  private static IOException damaged() {
    return new IOException("the file is damaged or not complete");
  }

  private EnvelopeFile() {}
}
