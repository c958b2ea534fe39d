package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
)

// TLSFiles names the files of a private CA and of a client certificate, all PEM.
// Empty names mean the system's roots and no client certificate.
//
// A client follows changes of the named files while it runs, but not changes
// of the system's roots.
type TLSFiles struct {
	CA         string // replaces the system's roots
	Cert, Key  string // both or none; the key without a passphrase
	ServerName string // the name that the gateway's certificate is for; empty for the URL's host

	// Pins name the gateway's public key, as sha256/BASE64. With them nothing else
	// about its certificate is looked at.
	Pins []string
}

// Config reads the files. TLS 1.2 is the lowest version spoken.
func (f TLSFiles) Config() (*tls.Config, error) {
	texts, err := f.read()
	if err != nil {
		return nil, err
	}
	return f.config(texts)
}

// pemTexts are the files' contents, to be parsed and to be compared with ==.
type pemTexts struct{ ca, cert, key string }

// any reports whether there is a file that could change.
func (f TLSFiles) any() bool { return f.CA != "" || f.Cert != "" || f.Key != "" }

func (f TLSFiles) read() (pemTexts, error) {
	if (f.Cert == "") != (f.Key == "") {
		return pemTexts{}, fmt.Errorf("gateway client certificate %q with key %q: give both files or none", f.Cert, f.Key)
	}
	if f.CA != "" && len(f.Pins) > 0 {
		return pemTexts{}, errors.New("gateway CA and gateway pin: give one of them, as a pin alone decides")
	}
	if err := checkPins(f.Pins); err != nil {
		return pemTexts{}, err
	}
	var texts pemTexts
	for _, file := range []struct {
		what, name string
		text       *string
	}{
		{"CA", f.CA, &texts.ca},
		{"client certificate", f.Cert, &texts.cert},
		{"client key", f.Key, &texts.key},
	} {
		if file.name == "" {
			continue
		}
		text, err := os.ReadFile(file.name)
		if err != nil {
			return pemTexts{}, fmt.Errorf("reading the gateway %s: %w: correct the file name or its permissions", file.what, err)
		}
		*file.text = string(text)
	}
	return texts, nil
}

func (f TLSFiles) config(texts pemTexts) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: f.ServerName}
	if len(f.Pins) > 0 {
		// VerifyConnection takes the place of what is skipped, at each handshake.
		cfg.InsecureSkipVerify, cfg.VerifyConnection = true, verifyPinned(f.Pins)
	}
	if f.CA != "" {
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM([]byte(texts.ca)) {
			return nil, fmt.Errorf("gateway CA %s: no certificate in it: give a PEM file with -----BEGIN CERTIFICATE-----", f.CA)
		}
	}
	if f.Cert != "" {
		cert, err := tls.X509KeyPair([]byte(texts.cert), []byte(texts.key))
		if err != nil {
			return nil, fmt.Errorf("gateway client certificate %s with key %s: %w: give a PEM certificate and the PEM key that belongs to it, without a passphrase", f.Cert, f.Key, err)
		}
		cfg.Certificates = []tls.Certificate{cert}
	}
	return cfg, nil
}

// errNoClientCertificate comes with the refusal of a gateway that asked for a
// client certificate when there was none, or none of a CA that it names.
var errNoClientCertificate = errors.New("the gateway asks for a client certificate and none fits: give one of a CA that the gateway accepts")

// IsCertificateError reports whether err says that a certificate was not
// accepted, the gateway's by us or ours by the gateway: an outage of the
// gateway, not a fault of one command.
//
// A gateway that refuses without an alert is not recognised. Over TLS 1.3 with
// HTTP/2 even an alert is now and then lost: the connection is then said to be
// reset.
func IsCertificateError(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	return errors.As(err, &verification) || errors.As(err, &authority) ||
		errors.As(err, &invalid) || errors.As(err, &host) ||
		errors.Is(err, errNoClientCertificate) || errors.Is(err, errUnpinned) ||
		isAlert(err,
			42,  // bad_certificate
			43,  // unsupported_certificate
			44,  // certificate_revoked
			45,  // certificate_expired
			46,  // certificate_unknown
			48,  // unknown_ca
			116, // certificate_required, TLS 1.3 only
		)
}

// handshakeFailure is also what TLS 1.2 says of a missing client certificate.
const handshakeFailure tls.AlertError = 40

// isAlert reports whether the other side ended the connection with one of the
// alerts (RFC 8446, section 6.2).
func isAlert(err error, alerts ...tls.AlertError) bool {
	var remote *net.OpError
	if !errors.As(err, &remote) || remote.Op != "remote error" || remote.Err == nil {
		return false
	}
	// Over TCP crypto/tls gives an unexported type with the text of AlertError.
	text := remote.Err.Error()
	return slices.ContainsFunc(alerts, func(alert tls.AlertError) bool { return alert.Error() == text })
}
