package gateway

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const pinPrefix = "sha256/"

// pinOf names a certificate's public key: the hash of its SubjectPublicKeyInfo.
func pinOf(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return pinPrefix + base64.StdEncoding.EncodeToString(sum[:])
}

// checkPins reports a pin that is none.
func checkPins(pins []string) error {
	for _, pin := range pins {
		sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(pin, pinPrefix))
		if !strings.HasPrefix(pin, pinPrefix) || err != nil || len(sum) != sha256.Size {
			return fmt.Errorf("gateway pin %q: want sha256/ and the base64 of 32 bytes, the hash of the public key", pin)
		}
	}
	return nil
}

// errUnpinned comes where the gateway shows a key that is not pinned.
var errUnpinned = errors.New("the gateway's key is not pinned")

// verifyPinned accepts the keys that are pinned and no others, whatever else the
// certificate says: it is for certificates that no CA and no name vouch for.
func verifyPinned(pins []string) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errUnpinned
		}
		pin := pinOf(state.PeerCertificates[0])
		if slices.Contains(pins, pin) {
			return nil
		}
		return fmt.Errorf("%w: it is %s; check on the gateway itself whether its key has been replaced, and only then pin that one", errUnpinned, pin)
	}
}
