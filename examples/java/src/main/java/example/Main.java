package example;

import com.google.protobuf.ByteString;
import com.keyprotect.v1.GenerateDataKeyRequest;
import com.keyprotect.v1.GenerateDataKeyResponse;
import com.keyprotect.v1.UnwrapKeyRequest;
import com.keyprotect.v1.UnwrapKeyResponse;
import example.EnvelopeFile.Header;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.List;

/**
 * Encrypts and decrypts files with data keys of Key Protect. examples/README.md has the arguments,
 * the environment variables and the format of the files.
 */
public final class Main {
  private static final String USAGE =
      "usage: Main encrypt <key-id> <in> <out>\n       Main decrypt <in> <out>";

  /** Bound to the wrapped data key: to unwrap it, Key Protect demands the same strings. */
  private static List<String> additionalData() {
    String context = System.getenv().getOrDefault("ENVELOPE_CONTEXT", "");
    return context.isEmpty()
        ? List.of(EnvelopeFile.MAGIC)
        : List.of(EnvelopeFile.MAGIC, context);
  }

  private static void encrypt(Gateway gateway, String keyId, Path from, Path to)
      throws IOException, GeneralSecurityException {
    GenerateDataKeyResponse generated =
        gateway.generateDataKey(
            GenerateDataKeyRequest.newBuilder()
                .setKeyId(keyId)
                .addAllAdditionalAuthenticatedData(additionalData())
                .build());
    byte[] dataKey = generated.getPlaintext().toByteArray();
    try {
      Header header = new Header(keyId, generated.getCiphertext().toByteArray());
      EnvelopeFile.encrypt(from, to, header, dataKey);
    } finally {
      Arrays.fill(dataKey, (byte) 0);
    }
    System.out.println("encrypted " + from + " into " + to);
  }

  private static void decrypt(Gateway gateway, Path from, Path to)
      throws IOException, GeneralSecurityException {
    Header header = EnvelopeFile.readHeader(from);
    UnwrapKeyResponse unwrapped =
        gateway.unwrapKey(
            UnwrapKeyRequest.newBuilder()
                .setKeyId(header.keyId())
                .setCiphertext(ByteString.copyFrom(header.wrappedDataKey()))
                .addAllAdditionalAuthenticatedData(additionalData())
                .build());
    byte[] dataKey = unwrapped.getPlaintext().toByteArray();
    try {
      EnvelopeFile.decrypt(from, to, dataKey);
    } finally {
      Arrays.fill(dataKey, (byte) 0);
    }
    System.out.println("decrypted " + from + " into " + to);
    // The root key was rotated: the file gets the data key as the newest version wrapped it.
    byte[] rewrapped = unwrapped.getRewrappedCiphertext().toByteArray();
    if (rewrapped.length == 0) {
      return;
    }
    try {
      EnvelopeFile.replaceHeader(from, new Header(header.keyId(), rewrapped));
      System.out.println("rewrapped the data key of " + from);
    } catch (IOException failure) {
      System.err.println("cannot rewrap the data key of " + from + ": " + failure.getMessage());
    }
  }

  private static void run(String[] args) throws IOException, GeneralSecurityException {
    boolean isEncrypt = args.length == 4 && args[0].equals("encrypt");
    if (!isEncrypt && !(args.length == 3 && args[0].equals("decrypt"))) {
      throw new Gateway.UsageException(USAGE);
    }
    try (Gateway gateway = new Gateway(System.getenv())) {
      try {
        if (isEncrypt) {
          encrypt(gateway, args[1], Path.of(args[2]), Path.of(args[3]));
        } else {
          decrypt(gateway, Path.of(args[1]), Path.of(args[2]));
        }
      } finally {
        System.err.println("correlation ID: " + gateway.correlationId);
      }
    }
  }

  public static void main(String[] args) throws Exception {
    try {
      run(args);
    } catch (StatusRuntimeException failure) {
      System.err.println(Gateway.describe(failure));
      System.exit(1);
    } catch (Gateway.UsageException wrongUse) {
      System.err.println(wrongUse.getMessage());
      System.exit(2);
    } catch (FileSystemException failure) {
      System.err.println(failure);
      System.exit(1);
    } catch (IOException failure) {
      System.err.println(failure.getMessage());
      System.exit(1);
    }
  }
}
