// A grpc-go client that is driven by lines of JSON: see ../wire-client.ts.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

type order struct {
	ID        int    `json:"id"`
	Method    string `json:"method"`
	Request   []byte `json:"request"`
	TimeoutMs int    `json:"timeoutMs"`
}

type outcome struct {
	ID      int    `json:"id"`
	Code    uint32 `json:"code"`
	Message string `json:"message"`
	// The google.rpc.Status of a failed call.
	Details []byte `json:"details"`
}

// bytesCodec passes messages on as they are.
type bytesCodec struct{}

func (bytesCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (bytesCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (bytesCodec) Name() string { return "proto" }

func call(conn *grpc.ClientConn, o order) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(o.TimeoutMs)*time.Millisecond)
	defer cancel()
	var response []byte
	err := conn.Invoke(ctx, o.Method, &o.Request, &response, grpc.ForceCodec(bytesCodec{}))
	s, _ := status.FromError(err)
	details, err := proto.Marshal(s.Proto())
	if err != nil || details == nil {
		// A nil slice would be null in JSON.
		details = []byte{}
	}
	return outcome{ID: o.ID, Code: uint32(s.Code()), Message: s.Message(), Details: details}
}

func run(configFile string, addresses []string) error {
	config, err := os.ReadFile(configFile)
	if err != nil {
		return err
	}
	list := manual.NewBuilderWithScheme("list")
	var state resolver.State
	for _, address := range addresses {
		state.Addresses = append(state.Addresses, resolver.Address{Addr: address})
	}
	list.InitialState(state)
	conn, err := grpc.NewClient(
		"list:///gateways",
		grpc.WithResolvers(list),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(string(config)),
		// Reconnects quickly, so that the calls of a test meet a gateway that was just started.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.2, MaxDelay: 500 * time.Millisecond},
			MinConnectTimeout: time.Second,
		}),
	)
	if err != nil {
		return err
	}
	defer conn.Close()
	var lock sync.Mutex
	var calls sync.WaitGroup
	out := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return err
		}
		calls.Add(1)
		go func() {
			defer calls.Done()
			ended := call(conn, o)
			lock.Lock()
			defer lock.Unlock()
			_ = out.Encode(ended)
		}()
	}
	calls.Wait()
	return lines.Err()
}

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
