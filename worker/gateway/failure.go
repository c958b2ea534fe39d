package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
)

// UnsentError says that nothing of a call was sent: there was no connection, a proxy
// refused, or the handshake failed. It surely had no effect.
type UnsentError struct{ err error }

// Error implements error.
func (e *UnsentError) Error() string { return e.err.Error() }

// Unwrap returns what kept the call from being sent.
func (e *UnsentError) Unwrap() error { return e.err }

// CodingError says that an answer came in a coding that nobody had asked for.
type CodingError struct{ Coding string }

// Error implements error.
func (e *CodingError) Error() string {
	return fmt.Sprintf("the answer's Content-Encoding is %q, though the request says identity: switch compression off between here and the gateway", e.Coding)
}

var (
	// errUnasked comes where an answer was there before its request: it belongs to an
	// earlier one. The request may have been read.
	errUnasked = errors.New("the connection held an answer that nobody had asked for: it is not taken, and the connection is closed")
	// errLate comes where the time of a call was over before its request was written.
	errLate = fmt.Errorf("nothing was sent: %w", context.DeadlineExceeded)
	// errRepeated comes where a request got no answer and net/http would make it again,
	// or the gateway asks for that. The worker does so, when it has asked what the first
	// one came to.
	errRepeated = errors.New("the gateway ended the request without an answer")
	// errProxy is what HTTP 407 means.
	errProxy = errors.New("the proxy asks for credentials (HTTP 407): put them into HTTPS_PROXY, or name the gateway in NO_PROXY")
)

// explained tells beside a certificate that was not accepted what can be done.
func explained(err error) error {
	var verification *tls.CertificateVerificationError
	if !errors.As(err, &verification) || len(verification.UnverifiedCertificates) == 0 {
		return err
	}
	pin := pinOf(verification.UnverifiedCertificates[0])
	return fmt.Errorf("%w (where no CA vouches for the gateway, pin its key: run "+
		"`openssl x509 -in CERT -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64` "+
		"on the gateway itself, and only if that prints %s, give --gateway-pin %s)", err, pin[len(pinPrefix):], pin)
}
