package sim

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestTLS: the CA is enough for a client, under each name, and nothing less is.
func TestTLS(t *testing.T) {
	t.Parallel()
	g := New(Config{Adopt: true})
	server, err := Listen(g, "127.0.0.1:0", true)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(server.URL, "https://"))
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(server.CAPEM) {
		t.Fatalf("no certificate in %s", server.CAPEM)
	}
	for _, c := range []struct {
		name  string
		roots *x509.CertPool
		ok    bool
	}{
		{"", roots, true}, {"localhost", roots, true}, {"::1", roots, true},
		{"elsewhere.example", roots, false}, {"", x509.NewCertPool(), false},
	} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.roots, ServerName: c.name}}
		resp, err := (&http.Client{Transport: transport}).Post("https://127.0.0.1:"+port+forceLogoutPath(inspectorNo, "30001"), "", nil)
		if err == nil {
			resp.Body.Close()
		}
		if (err == nil) != c.ok {
			t.Errorf("server name %q: %v", c.name, err)
		}
		transport.CloseIdleConnections()
	}
}

// TestTLSFaults: faults of the connection work under TLS as well.
func TestTLSFaults(t *testing.T) {
	t.Parallel()
	g := New(Config{})
	g.GiveSession(inspectorNo, guid)
	server, err := Listen(g, "127.0.0.1:0", true)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(server.CAPEM)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	for _, fault := range []Fault{FaultReset, FaultAnswerLost} {
		g.Plan("30001", Answer{Fault: fault})
		req, _ := http.NewRequest(http.MethodPost, server.URL+forceLogoutPath(inspectorNo, "30001"), nil)
		req.Header.Set("Guid", guid)
		if resp, err := client.Do(req); err == nil {
			t.Errorf("%s: answer %s", fault, resp.Status)
			resp.Body.Close()
		}
	}
	if g.Agent("30001").SignedIn {
		t.Error("the lost answer had no effect")
	}
}

// TestHostname: the certificate holds the name that was listened on.
func TestHostname(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"gateway.example", "192.0.2.7"} {
		cert, _, err := selfSigned(host)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(cert.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{host, "localhost", "127.0.0.1", "::1"} {
			if err := leaf.VerifyHostname(name); err != nil {
				t.Errorf("listening on %s: %v", host, err)
			}
		}
	}
}

// TestClose: hanging, held and slow calls end with the server, and are in the
// record when Close returns.
func TestClose(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{})
	r.Plan("30001", Answer{Fault: FaultHang})
	hanging, _ := r.begin("30001")
	r.Plan("30002", Answer{Retcode: "900-001", Delay: time.Hour})
	slow, _ := r.begin("30002")
	r.awaitInFlight(2)
	r.Hold()
	held, _ := r.begin("30003")
	r.awaitInFlight(3)
	if err := r.server.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if n := len(r.Calls()); n != 3 {
		t.Errorf("%d calls in the record after Close, want 3", n)
	}
	for _, answer := range []<-chan said{hanging, slow, held} {
		if got, answered := <-answer; answered {
			t.Errorf("answer %+v after Close", got)
		}
	}
	if err := r.server.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if _, err := r.do(r.ctx, http.MethodPost, forceLogoutPath(inspectorNo, "30001"), guid, nil); err == nil {
		t.Error("a closed server answers")
	}
}

// TestListenEverywhere: the URL is one that a client can use.
func TestListenEverywhere(t *testing.T) {
	t.Parallel()
	server, err := Listen(New(Config{}), ":0", false)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	resp, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if taken := strings.TrimPrefix(server.URL, "http://"); !strings.HasPrefix(taken, "127.0.0.1:") {
		t.Errorf("URL %s", server.URL)
	} else if _, err := Listen(New(Config{}), taken, false); err == nil {
		t.Error("listening twice on one address should fail")
	}
}
