// Runs the API server's own code for encryption at rest, unpatched: its configuration loader, its
// KMS v2 client, its health probes and its transformers. Commands come on standard input, one a
// line; each gets one line of JSON.
//
//	load <loader> <file>                  a new loader, with an empty cache
//	health <loader>                       the health checks that /readyz runs
//	write <loader> <path> <text>          encrypts an object as for etcd
//	read <loader> <path> <base64>         decrypts one
package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/server/options/encryptionconfig"
	"k8s.io/apiserver/pkg/storage/value"
)

// answer is the line that a command gets.
type answer struct {
	Error string `json:"error,omitempty"`
	Data  string `json:"data,omitempty"`
	Text  string `json:"text,omitempty"`
	Stale bool   `json:"stale"`
}

var secrets = schema.GroupResource{Resource: "secrets"}

type loaders map[string]*encryptionconfig.EncryptionConfiguration

func (all loaders) run(ctx context.Context, words []string) (answer, error) {
	if len(words) < 2 {
		return answer{}, errors.New("a command needs a loader")
	}
	command, name, rest := words[0], words[1], words[2:]
	if command == "load" {
		loaded, err := encryptionconfig.LoadEncryptionConfig(ctx, rest[0], false, name)
		all[name] = loaded
		return answer{}, err
	}
	loader := all[name]
	if loader == nil {
		return answer{}, fmt.Errorf("there is no loader %s", name)
	}
	transformer := loader.Transformers[secrets]
	switch command {
	case "health":
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "/readyz", nil)
		for _, check := range loader.HealthChecks {
			err = errors.Join(err, check.Check(request))
		}
		return answer{}, err
	case "write":
		at := value.DefaultContext(rest[0])
		stored, err := transformer.TransformToStorage(ctx, []byte(rest[1]), at)
		return answer{Data: base64.StdEncoding.EncodeToString(stored)}, err
	case "read":
		stored, err := base64.StdEncoding.DecodeString(rest[1])
		if err != nil {
			return answer{}, err
		}
		at := value.DefaultContext(rest[0])
		text, stale, err := transformer.TransformFromStorage(ctx, stored, at)
		return answer{Text: string(text), Stale: stale}, err
	}
	return answer{}, fmt.Errorf("there is no command %s", command)
}

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	all := loaders{}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		result, err := all.run(ctx, strings.Fields(lines.Text()))
		if err != nil {
			result = answer{Error: err.Error()}
		}
		if err := out.Encode(result); err != nil {
			panic(err)
		}
	}
}
