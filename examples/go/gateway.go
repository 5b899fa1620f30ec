package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	keyprotectv1 "keyprotect-gateway/examples/go/gen/keyprotect/v1"
)

// The time that a call may take, with all its attempts.
const timeout = 10 * time.Second

// Retries what may be repeated, and nothing else. The gateway's repository generates it.
//
//go:embed gen/service_config.json
var serviceConfig string

// usageError is a mistake of the user: wrong arguments or environment variables.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// gateway makes the two calls that envelope encryption needs.
type gateway struct {
	connection *grpc.ClientConn
	actions    keyprotectv1.KeyActionsServiceClient
	// Finds all calls of this job in the logs of the gateway and of Key Protect.
	correlationID string
}

// connect opens the channel that the environment variables describe. A process needs only one.
func connect() (*gateway, error) {
	address := os.Getenv("KEYPROTECT_GATEWAY")
	if address == "" {
		address = "127.0.0.1:50051"
	}
	transport, err := credentialsFor(address)
	if err != nil {
		return nil, err
	}
	connection, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(transport), grpc.WithDefaultServiceConfig(serviceConfig))
	if err != nil {
		return nil, err
	}
	actions := keyprotectv1.NewKeyActionsServiceClient(connection)
	return &gateway{connection, actions, uuid.NewString()}, nil
}

// Loopback addresses and Unix sockets. Data keys must not cross a network in the clear.
var local = regexp.MustCompile(`^(unix:.+|(localhost|127\.0\.0\.1|\[::1\]):\d+)$`)

func credentialsFor(address string) (credentials.TransportCredentials, error) {
	caFile := os.Getenv("KEYPROTECT_GATEWAY_CA_FILE")
	if caFile == "" {
		if local.MatchString(address) {
			return insecure.NewCredentials(), nil
		}
		return nil, usageError{address + " needs TLS: set KEYPROTECT_GATEWAY_CA_FILE"}
	}
	ca, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	if !config.RootCAs.AppendCertsFromPEM(ca) {
		return nil, errors.New(caFile + " has no certificate")
	}
	if certFile := os.Getenv("KEYPROTECT_GATEWAY_CERT_FILE"); certFile != "" {
		certificate, err := tls.LoadX509KeyPair(certFile, os.Getenv("KEYPROTECT_GATEWAY_KEY_FILE"))
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return credentials.NewTLS(config), nil
}

// callContext gives a call its deadline and its correlation ID.
func (g *gateway) callContext() (context.Context, context.CancelFunc) {
	ctx := metadata.AppendToOutgoingContext(context.Background(), "x-correlation-id", g.correlationID)
	return context.WithTimeout(ctx, timeout)
}

func (g *gateway) generateDataKey(
	request *keyprotectv1.GenerateDataKeyRequest,
) (*keyprotectv1.GenerateDataKeyResponse, error) {
	ctx, cancel := g.callContext()
	defer cancel()
	return g.actions.GenerateDataKey(ctx, request)
}

func (g *gateway) unwrapKey(
	request *keyprotectv1.UnwrapKeyRequest,
) (*keyprotectv1.UnwrapKeyResponse, error) {
	ctx, cancel := g.callContext()
	defer cancel()
	return g.actions.UnwrapKey(ctx, request)
}

// describe tells about an error, and of a failed call also the details that the gateway adds. A
// program decides by status and reason, never by the text. Without a reason, the failure is not the
// gateway's own: it comes from this library, the network or a proxy.
func describe(err error) string {
	failure, isCall := status.FromError(err)
	if !isCall {
		return err.Error()
	}
	text := fmt.Sprintf("%s: %s", code.Code(failure.Code()), failure.Message())
	for _, detail := range failure.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			text += "\n  reason: " + detail.Reason
			text += "\n  may have executed: " + detail.Metadata["mayHaveExecuted"]
		case *errdetails.BadRequest:
			for _, violation := range detail.FieldViolations {
				text += fmt.Sprintf("\n  field %s: %s", violation.Field, violation.Description)
			}
		case *errdetails.RetryInfo:
			text += fmt.Sprintf("\n  retry after: %.1f s", detail.RetryDelay.AsDuration().Seconds())
		}
	}
	return text
}
