package example;

import com.google.gson.Gson;
import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import com.google.rpc.Status;
import com.keyprotect.v1.GenerateDataKeyRequest;
import com.keyprotect.v1.GenerateDataKeyResponse;
import com.keyprotect.v1.KeyActionsServiceGrpc;
import com.keyprotect.v1.KeyActionsServiceGrpc.KeyActionsServiceBlockingStub;
import com.keyprotect.v1.UnwrapKeyRequest;
import com.keyprotect.v1.UnwrapKeyResponse;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.MetadataUtils;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/**
 * The connection to the gateway: credentials, retry policy, deadline, correlation ID, errors. It
 * makes the two calls that envelope encryption needs. They throw {@link StatusRuntimeException}.
 */
final class Gateway implements AutoCloseable {
  /** The time in seconds that a call may take, with all its attempts. */
  private static final int DEADLINE_S = 10;

  /** Loopback addresses and Unix sockets. Data keys must not cross a network in the clear. */
  private static final Pattern LOCAL =
      Pattern.compile("unix:.+|(localhost|127\\.0\\.0\\.1|\\[::1\\]):\\d+");

  private static final Metadata.Key<String> CORRELATION_ID =
      Metadata.Key.of("x-correlation-id", Metadata.ASCII_STRING_MARSHALLER);

  /** A mistake of the user: wrong arguments or environment variables. */
  static final class UsageException extends RuntimeException {
    UsageException(String message) {
      super(message);
    }
  }

  /** Finds all calls of this job in the logs of the gateway and of Key Protect. */
  final String correlationId = UUID.randomUUID().toString();

  private final ManagedChannel channel;
  private final KeyActionsServiceBlockingStub actions;

  /** Opens the channel that the environment variables describe. A process needs only one. */
  Gateway(Map<String, String> env) throws IOException {
    String address = env.getOrDefault("KEYPROTECT_GATEWAY", "127.0.0.1:50051");
    ManagedChannelBuilder<?> builder =
        Grpc.newChannelBuilder(address, credentialsFor(address, env))
            .defaultServiceConfig(serviceConfig())
            .enableRetry();
    if (address.startsWith("unix:")) {
      // This library would send the path as the name of the host, which HTTP/2 servers refuse.
      builder.overrideAuthority("localhost");
    }
    channel = builder.build();
    Metadata headers = new Metadata();
    headers.put(CORRELATION_ID, correlationId);
    actions =
        KeyActionsServiceGrpc.newBlockingStub(channel)
            .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));
  }

  GenerateDataKeyResponse generateDataKey(GenerateDataKeyRequest request) {
    return actions.withDeadlineAfter(DEADLINE_S, TimeUnit.SECONDS).generateDataKey(request);
  }

  UnwrapKeyResponse unwrapKey(UnwrapKeyRequest request) {
    return actions.withDeadlineAfter(DEADLINE_S, TimeUnit.SECONDS).unwrapKey(request);
  }

  @Override
  public void close() {
    channel.shutdownNow();
  }

  private static ChannelCredentials credentialsFor(String address, Map<String, String> env)
      throws IOException {
    String ca = env.get("KEYPROTECT_GATEWAY_CA_FILE");
    if (ca == null) {
      if (LOCAL.matcher(address).matches()) {
        return InsecureChannelCredentials.create();
      }
      throw new UsageException(address + " needs TLS: set KEYPROTECT_GATEWAY_CA_FILE");
    }
    TlsChannelCredentials.Builder tls = TlsChannelCredentials.newBuilder();
    tls.trustManager(new File(ca));
    String certificate = env.get("KEYPROTECT_GATEWAY_CERT_FILE");
    if (certificate != null) {
      String key = env.getOrDefault("KEYPROTECT_GATEWAY_KEY_FILE", "");
      tls.keyManager(new File(certificate), new File(key));
    }
    return tls.build();
  }

  /** Retries what may be repeated, and nothing else. The gateway's repository generates it. */
  @SuppressWarnings("unchecked")
  private static Map<String, ?> serviceConfig() throws IOException {
    try (Reader reader =
        new InputStreamReader(
            Gateway.class.getResourceAsStream("/keyprotect/v1/service_config.json"),
            StandardCharsets.UTF_8)) {
      return new Gson().fromJson(reader, Map.class);
    }
  }

  /**
   * Describes a failed call: status, text, and the details that the gateway adds. A program decides
   * by status and reason, never by the text. Without a reason, the failure is not the gateway's
   * own: it comes from this library, the network or a proxy.
   */
  static String describe(StatusRuntimeException failure) throws InvalidProtocolBufferException {
    StringBuilder text = new StringBuilder();
    text.append(failure.getStatus().getCode() + ": " + failure.getStatus().getDescription());
    if (failure.getCause() != null) {
      text.append(": " + failure.getCause().getMessage());
    }
    Status status = StatusProto.fromThrowable(failure);
    for (Any detail : status.getDetailsList()) {
      if (detail.is(ErrorInfo.class)) {
        ErrorInfo info = detail.unpack(ErrorInfo.class);
        text.append("\n  reason: " + info.getReason());
        text.append("\n  may have executed: " + info.getMetadataOrThrow("mayHaveExecuted"));
      } else if (detail.is(BadRequest.class)) {
        for (BadRequest.FieldViolation each :
            detail.unpack(BadRequest.class).getFieldViolationsList()) {
          text.append("\n  field " + each.getField() + ": " + each.getDescription());
        }
      } else if (detail.is(RetryInfo.class)) {
        var delay = detail.unpack(RetryInfo.class).getRetryDelay();
        double seconds = delay.getSeconds() + delay.getNanos() / 1e9;
        text.append(String.format(Locale.ROOT, "%n  retry after: %.1f s", seconds));
      }
    }
    return text.toString();
  }
}
