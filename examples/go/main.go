// Encrypts and decrypts files with data keys of Key Protect. examples/README.md has the arguments,
// the environment variables and the format of the files.
package main

//go:generate ../../node_modules/.bin/buf generate ../../proto --template buf.gen.yaml
//go:generate cp ../../proto/keyprotect/v1/service_config.json gen/

import (
	"errors"
	"fmt"
	"os"

	keyprotectv1 "keyprotect-gateway/examples/go/gen/keyprotect/v1"
)

const usage = `usage: envelope encrypt <key-id> <in> <out>
       envelope decrypt <in> <out>`

// additionalData is bound to the wrapped data key: to unwrap it, Key Protect demands the same
// strings.
func additionalData() []string {
	if context := os.Getenv("ENVELOPE_CONTEXT"); context != "" {
		return []string{magic, context}
	}
	return []string{magic}
}

func encrypt(g *gateway, keyID, from, to string) error {
	generated, err := g.generateDataKey(&keyprotectv1.GenerateDataKeyRequest{
		KeyId: keyID, AdditionalAuthenticatedData: additionalData(),
	})
	if err != nil {
		return err
	}
	defer clear(generated.Plaintext)
	head := header{keyID, generated.Ciphertext}
	if err := encryptFile(from, to, head, generated.Plaintext); err != nil {
		return err
	}
	fmt.Printf("encrypted %s into %s\n", from, to)
	return nil
}

func decrypt(g *gateway, from, to string) error {
	head, err := readHeader(from)
	if err != nil {
		return err
	}
	unwrapped, err := g.unwrapKey(&keyprotectv1.UnwrapKeyRequest{
		KeyId: head.keyID, Ciphertext: head.wrappedDataKey, AdditionalAuthenticatedData: additionalData(),
	})
	if err != nil {
		return err
	}
	defer clear(unwrapped.Plaintext)
	if err := decryptFile(from, to, unwrapped.Plaintext); err != nil {
		return err
	}
	fmt.Printf("decrypted %s into %s\n", from, to)
	// The root key was rotated: the file gets the data key as the newest version wrapped it.
	if len(unwrapped.RewrappedCiphertext) == 0 {
		return nil
	}
	if err := replaceHeader(from, header{head.keyID, unwrapped.RewrappedCiphertext}); err != nil {
		fmt.Fprintf(os.Stderr, "cannot rewrap the data key of %s: %v\n", from, err)
		return nil
	}
	fmt.Printf("rewrapped the data key of %s\n", from)
	return nil
}

func run(args []string) error {
	isEncrypt := len(args) == 4 && args[0] == "encrypt"
	if !isEncrypt && !(len(args) == 3 && args[0] == "decrypt") {
		return usageError{usage}
	}
	g, err := connect()
	if err != nil {
		return err
	}
	defer g.connection.Close()
	defer fmt.Fprintf(os.Stderr, "correlation ID: %s\n", g.correlationID)
	if isEncrypt {
		return encrypt(g, args[1], args[2], args[3])
	}
	return decrypt(g, args[1], args[2])
}

func main() {
	err := run(os.Args[1:])
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, describe(err))
	var wrongUse usageError
	if errors.As(err, &wrongUse) {
		os.Exit(2)
	}
	os.Exit(1)
}
