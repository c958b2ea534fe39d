package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestPin: a certificate with a common name only, as appliances have it, is refused
// with the pin to use and how to check it. That pin, and no other, lets it in, also
// where it has expired.
func TestPin(t *testing.T) {
	t.Parallel()
	other := newAuthority(t)
	for name, template := range map[string]*x509.Certificate{
		"common name only": {Subject: pkix.Name{CommonName: "127.0.0.1"}},
		"another name":     {DNSNames: []string{"agentgateway.local"}},
		"expired":          {DNSNames: []string{"agentgateway.local"}, NotAfter: time.Now().Add(-time.Hour)},
	} {
		for protocol, version := range protocols() {
			if version == 0 {
				continue
			}
			t.Run(name+", "+protocol, func(t *testing.T) {
				t.Parallel()
				cert := issue(t, nil, another(template))
				r := newRig(t, version == tls.VersionTLS13, &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: version})
				c, _ := r.watched(t, TLSFiles{})
				err := call(t, c)
				if !IsCertificateError(err) || !strings.Contains(err.Error(), "on the gateway itself") {
					t.Fatal(err)
				}
				pin := regexp.MustCompile(`--gateway-pin (sha256/[A-Za-z0-9+/]{43}=)`).FindStringSubmatch(err.Error())
				if pin == nil {
					t.Fatal(err)
				}
				c, _ = r.watched(t, TLSFiles{Pins: []string{pinOf(other.Leaf), pin[1]}})
				must(t, call(t, c))
				c, _ = r.watched(t, TLSFiles{Pins: []string{pinOf(other.Leaf)}})
				if err := call(t, c); !IsCertificateError(err) || !strings.Contains(err.Error(), pin[1]) {
					t.Error(err)
				}
			})
		}
	}
}

// another is a copy: tests of one template run at the same time.
func another(c *x509.Certificate) *x509.Certificate { again := *c; return &again }

func TestBadPins(t *testing.T) {
	t.Parallel()
	for _, pin := range []string{"", "sha256/", "sha1/AAAA", "sha256/AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "*"} {
		if _, err := NewClient(Options{URL: "https://gateway.test", TLS: TLSFiles{Pins: []string{pin}}}); err == nil {
			t.Errorf("pin %q was taken", pin)
		}
	}
	ca := file(t, t.TempDir()+"/ca.pem", certPEM(newAuthority(t).Certificate))
	pin := pinOf(newAuthority(t).Leaf)
	if _, err := NewClient(Options{URL: "https://gateway.test", TLS: TLSFiles{CA: ca, Pins: []string{pin}}}); err == nil {
		t.Error("a CA and a pin were taken together")
	}
}
