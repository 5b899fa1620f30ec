package main

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
)

const (
	// The first bytes of an envelope file, and the first string of its authenticated data.
	magic = "KPENVF01"
	// Plaintext bytes of a segment. Only the last one may be shorter.
	segmentSize = 65_536
	tagSize     = 16
)

var errDamaged = errors.New("the file is damaged or not complete")

// header is the part before the segments. The format is in examples/README.md.
type header struct {
	// ID, alias or CRN of the root key.
	keyID          string
	wrappedDataKey []byte
}

// encryptFile encrypts a file. A data key must encrypt one file only.
func encryptFile(from, to string, head header, key []byte) error {
	seal, err := newGCM(key)
	if err != nil {
		return err
	}
	return replaceFile(from, to, func(input io.Reader, output *os.File) error {
		if _, err := output.Write(head.encode()); err != nil {
			return err
		}
		return forEachSegment(input, segmentSize, func(segment, nonce []byte) error {
			_, err := output.Write(seal.Seal(nil, nonce, segment, nil))
			return err
		})
	})
}

// readHeader reads the header of an envelope file.
func readHeader(path string) (header, error) {
	file, err := os.Open(path)
	if err != nil {
		return header{}, err
	}
	defer file.Close()
	return nextHeader(file)
}

// decryptFile decrypts a file. Nothing appears at `to` unless the whole file is genuine.
func decryptFile(from, to string, key []byte) error {
	open, err := newGCM(key)
	if err != nil {
		return err
	}
	return replaceFile(from, to, func(input io.Reader, output *os.File) error {
		if _, err := nextHeader(input); err != nil {
			return err
		}
		return forEachSegment(input, segmentSize+tagSize, func(segment, nonce []byte) error {
			plaintext, err := open.Open(nil, nonce, segment, nil)
			if err != nil {
				return errDamaged
			}
			_, err = output.Write(plaintext)
			return err
		})
	})
}

// replaceHeader replaces the header of a file. The segments and the file's mode stay.
func replaceHeader(path string, head header) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return replaceFile(path, path, func(input io.Reader, output *os.File) error {
		if _, err := nextHeader(input); err != nil {
			return err
		}
		if _, err := output.Write(head.encode()); err != nil {
			return err
		}
		if _, err := io.Copy(output, input); err != nil {
			return err
		}
		return output.Chmod(info.Mode())
	})
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (h header) encode() []byte {
	encoded := []byte(magic)
	for _, field := range [][]byte{[]byte(h.keyID), h.wrappedDataKey} {
		encoded = binary.BigEndian.AppendUint16(encoded, uint16(len(field)))
		encoded = append(encoded, field...)
	}
	return encoded
}

func nextHeader(input io.Reader) (header, error) {
	start := make([]byte, len(magic))
	if _, err := io.ReadFull(input, start); err != nil || string(start) != magic {
		return header{}, errors.New("not an envelope file")
	}
	keyID, err := nextField(input)
	if err != nil {
		return header{}, err
	}
	wrappedDataKey, err := nextField(input)
	return header{string(keyID), wrappedDataKey}, err
}

func nextField(input io.Reader) ([]byte, error) {
	var length uint16
	if err := binary.Read(input, binary.BigEndian, &length); err != nil {
		return nil, errDamaged
	}
	field := make([]byte, length)
	if _, err := io.ReadFull(input, field); err != nil {
		return nil, errDamaged
	}
	return field, nil
}

// forEachSegment reads segments of `size` bytes, and tells the last one by its nonce.
func forEachSegment(input io.Reader, size int, use func(segment, nonce []byte) error) error {
	buffered := bufio.NewReader(input)
	segment := make([]byte, size)
	for number := uint64(0); ; number++ {
		length, err := io.ReadFull(buffered, segment)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return err
		}
		_, err = buffered.Peek(1)
		if err != nil && err != io.EOF {
			return err
		}
		isLast := err == io.EOF
		nonce := make([]byte, 12)
		binary.BigEndian.PutUint64(nonce[3:], number)
		if isLast {
			nonce[11] = 1
		}
		if err := use(segment[:length], nonce); err != nil || isLast {
			return err
		}
	}
}

// replaceFile writes a new file beside `to`, readable by its owner alone, and renames it when it is
// whole.
func replaceFile(from, to string, write func(input io.Reader, output *os.File) error) error {
	input, err := os.Open(from)
	if err != nil {
		return err
	}
	defer input.Close()
	output, err := os.CreateTemp(filepath.Dir(to), filepath.Base(to)+".*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(output.Name())
	defer output.Close()
	if err := write(input, output); err != nil {
		return err
	}
	if err := output.Sync(); err != nil {
		return err
	}
	return os.Rename(output.Name(), to)
}
