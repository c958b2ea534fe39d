package gateway

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// authority is a CA of a test.
type authority struct{ tls.Certificate }

// newAuthority makes a CA. All of them have the same name, so that a client
// takes its certificate to be of the CA that a server asks for.
func newAuthority(t *testing.T) authority {
	return authority{issue(t, nil, &x509.Certificate{
		Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})}
}

// server certifies 127.0.0.1, unless other names are given.
func (a authority) server(t *testing.T, names ...string) tls.Certificate {
	template := &x509.Certificate{DNSNames: names}
	if len(names) == 0 {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	return issue(t, &a, template)
}

func (a authority) client(t *testing.T, name string) tls.Certificate {
	return issue(t, &a, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

func (a authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Leaf)
	return pool
}

func issue(t *testing.T, by *authority, template *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template.SerialNumber = big.NewInt(1)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	template.NotBefore = template.NotAfter.Add(-2 * time.Hour)
	parent, signer := template, any(key)
	if by != nil {
		parent, signer = by.Leaf, by.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	must(t, err)
	leaf, err := x509.ParseCertificate(der)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func certPEM(c tls.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
}

func keyPEM(t *testing.T, c tls.Certificate) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// file writes a file that is replaced in one step if it is there.
func file(t *testing.T, name, text string) string {
	t.Helper()
	must(t, os.WriteFile(name+".new", []byte(text), 0o600))
	must(t, os.Rename(name+".new", name))
	return name
}

// clientFiles writes a client's certificate and key.
func clientFiles(t *testing.T, dir string, c tls.Certificate) TLSFiles {
	return TLSFiles{Cert: file(t, dir+"/client.pem", certPEM(c)), Key: file(t, dir+"/client.key", keyPEM(t, c))}
}

// rig is a gateway whose certificates a test can change.
type rig struct {
	url    string
	config atomic.Pointer[tls.Config]
	peer   atomic.Value  // the name in the last client certificate
	calls  chan struct{} // nil, or a call is announced here and ends with the next
}

func newRig(t *testing.T, http2 bool, config *tls.Config) *rig {
	r := &rig{}
	r.config.Store(config)
	server := httptest.NewUnstartedServer(r)
	server.EnableHTTP2 = http2
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		config := r.config.Load().Clone()
		config.NextProtos = server.TLS.NextProtos
		return config, nil
	}}
	server.StartTLS()
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *rig) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if certs := req.TLS.PeerCertificates; len(certs) > 0 {
		r.peer.Store(certs[0].Subject.CommonName)
	}
	if strings.HasSuffix(req.URL.Path, "/30099") {
		r.calls <- struct{}{}
		<-r.calls
	}
	_, _ = io.WriteString(w, `{"retcode":"0"}`)
}

// watched is a client whose every request looks at the files, and its log.
func (r *rig) watched(t *testing.T, files TLSFiles) (*Client, *bytes.Buffer) {
	t.Helper()
	out := &bytes.Buffer{}
	c, err := NewClient(Options{URL: r.url, TLS: files, Log: slog.New(slog.NewTextHandler(out, nil))})
	must(t, err)
	t.Cleanup(c.Close)
	var now atomic.Int64
	c.transport.clock = func() time.Duration { return time.Duration(now.Add(int64(lookEvery))) }
	return c, out
}

func call(t *testing.T, c *Client) error {
	return callAgent(t, c, "30012")
}

func callAgent(t *testing.T, c *Client, workNo string) error {
	_, err := c.ForceLogout(t.Context(), Session{Inspector: "1001", GUID: "guid"}, workNo)
	return err
}

// TestGatewayCertificate: what of the gateway's certificates is accepted. The
// gateway asks for ours, but does without.
func TestGatewayCertificate(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t), newAuthority(t)
	expired := issue(t, &ca, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(-time.Hour)})
	cases := map[string]struct {
		cert                tls.Certificate
		files               TLSFiles
		newest              uint16
		works, certificates bool
	}{
		"private CA":           {ca.server(t), TLSFiles{CA: certPEM(ca.Certificate)}, 0, true, false},
		"system's roots":       {ca.server(t), TLSFiles{}, 0, false, true},
		"another CA":           {ca.server(t), TLSFiles{CA: certPEM(other.Certificate)}, 0, false, true},
		"two CAs in a file":    {ca.server(t), TLSFiles{CA: certPEM(other.Certificate) + certPEM(ca.Certificate)}, 0, true, false},
		"wrong host name":      {ca.server(t, "gateway.test"), TLSFiles{CA: certPEM(ca.Certificate)}, 0, false, true},
		"server name":          {ca.server(t, "gateway.test"), TLSFiles{CA: certPEM(ca.Certificate), ServerName: "gateway.test"}, 0, true, false},
		"wrong server name":    {ca.server(t), TLSFiles{CA: certPEM(ca.Certificate), ServerName: "gateway.test"}, 0, false, true},
		"expired":              {expired, TLSFiles{CA: certPEM(ca.Certificate)}, 0, false, true},
		"TLS 1.2 is enough":    {ca.server(t), TLSFiles{CA: certPEM(ca.Certificate)}, tls.VersionTLS12, true, false},
		"TLS 1.1 is too old":   {ca.server(t), TLSFiles{CA: certPEM(ca.Certificate)}, tls.VersionTLS11, false, false},
		"no TLS 1.1, any root": {ca.server(t), TLSFiles{}, tls.VersionTLS11, false, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, false, &tls.Config{Certificates: []tls.Certificate{c.cert}, MinVersion: tls.VersionTLS10, MaxVersion: c.newest, ClientAuth: tls.RequestClientCert})
			if c.files.CA != "" {
				c.files.CA = file(t, t.TempDir()+"/ca.pem", c.files.CA)
			}
			client, _ := r.watched(t, c.files)
			err := call(t, client)
			if (err == nil) != c.works || IsCertificateError(err) != c.certificates {
				t.Errorf("certificate error %v: %v", IsCertificateError(err), err)
			}
		})
	}
}

// TestClientCertificate: the gateway's refusal of our certificate is known as
// one, though TLS 1.3 tells only after the handshake, and TLS 1.2 has no word
// for a missing one.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t), newAuthority(t)
	expired := issue(t, &ca, &x509.Certificate{NotAfter: time.Now().Add(-time.Hour)})
	mine, foreign := ca.client(t, "worker"), other.client(t, "worker")
	certs := map[string]*tls.Certificate{"accepted": &mine, "none": nil, "of another CA": &foreign, "expired": &expired}
	protocols := map[string]struct {
		version uint16
		http2   bool
	}{
		"TLS 1.2":         {tls.VersionTLS12, false},
		"TLS 1.3":         {tls.VersionTLS13, false},
		"TLS 1.2, HTTP/2": {tls.VersionTLS12, true},
		"TLS 1.3, HTTP/2": {tls.VersionTLS13, true},
	}
	for protocol, p := range protocols {
		r := newRig(t, p.http2, &tls.Config{
			Certificates: []tls.Certificate{ca.server(t)}, MaxVersion: p.version,
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool(),
		})
		for name, cert := range certs {
			t.Run(protocol+", "+name, func(t *testing.T) {
				t.Parallel()
				dir, files := t.TempDir(), TLSFiles{}
				if cert != nil {
					files = clientFiles(t, dir, *cert)
				}
				files.CA = file(t, dir+"/ca.pem", certPEM(ca.Certificate))
				client, _ := r.watched(t, files)
				err := call(t, client)
				// With both, the alert is lost if a write fails before it is read.
				mayBeLost := p.http2 && p.version == tls.VersionTLS13
				if (err == nil) != (name == "accepted") || !mayBeLost && IsCertificateError(err) != (err != nil) {
					t.Errorf("certificate error %v: %v", IsCertificateError(err), err)
				}
			})
		}
	}
}

// TestUnaskedHandshakeFailure: without a question for our certificate the
// general alert is not about certificates.
func TestUnaskedHandshakeFailure(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	// No cipher suite for the kind of key that the certificate has.
	r := newRig(t, false, &tls.Config{
		Certificates: []tls.Certificate{ca.server(t)}, MaxVersion: tls.VersionTLS12,
		CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
	})
	c, _ := r.watched(t, TLSFiles{CA: file(t, t.TempDir()+"/ca.pem", certPEM(ca.Certificate))})
	if err := call(t, c); !isAlert(err, handshakeFailure) || IsCertificateError(err) {
		t.Error(err)
	}
}

// TestOtherAlerts: an alert is not a certificate's only because it is one.
func TestOtherAlerts(t *testing.T) {
	t.Parallel()
	for code := range 256 {
		alert := tls.AlertError(code)
		want := strings.Contains(alert.Error(), "certificate") && !strings.Contains(alert.Error(), "status") &&
			!strings.Contains(alert.Error(), "hash") && !strings.Contains(alert.Error(), "unobtainable")
		if got := IsCertificateError(&net.OpError{Op: "remote error", Err: alert}); got != want {
			t.Errorf("alert %d, %v: %v", code, alert, got)
		}
		if IsCertificateError(&net.OpError{Op: "local error", Err: alert}) {
			t.Errorf("our own alert %d is taken for the gateway's", code)
		}
	}
}

// TestUnusableFiles: the error names the file, and no key gets into it.
func TestUnusableFiles(t *testing.T) {
	t.Parallel()
	ca, dir := newAuthority(t), t.TempDir()
	cert := ca.client(t, "worker")
	good := clientFiles(t, dir, cert)
	otherKey := file(t, dir+"/other.key", keyPEM(t, ca.Certificate))
	junk := file(t, dir+"/junk.pem", "junk")
	cases := map[string]struct {
		files TLSFiles
		named string
	}{
		"no CA file":       {TLSFiles{CA: dir + "/none"}, dir + "/none"},
		"a folder":         {TLSFiles{CA: dir}, dir},
		"junk CA":          {TLSFiles{CA: junk}, junk},
		"a key for a CA":   {TLSFiles{CA: otherKey}, otherKey},
		"no key":           {TLSFiles{Cert: good.Cert}, good.Cert},
		"no certificate":   {TLSFiles{Key: good.Key}, good.Key},
		"no key file":      {TLSFiles{Cert: good.Cert, Key: dir + "/none"}, dir + "/none"},
		"another's key":    {TLSFiles{Cert: good.Cert, Key: otherKey}, otherKey},
		"junk key":         {TLSFiles{Cert: good.Cert, Key: junk}, junk},
		"junk certificate": {TLSFiles{Cert: junk, Key: good.Key}, junk},
	}
	for name, c := range cases {
		_, err := NewClient(Options{URL: "https://gateway.test", TLS: c.files})
		if err == nil || !strings.Contains(err.Error(), c.named) || strings.Contains(err.Error(), "PRIVATE KEY") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCAReplaced: the gateway gets a certificate of a new CA while we run, and
// the file follows, in every way that files are replaced.
func TestCAReplaced(t *testing.T) {
	t.Parallel()
	replace := map[string]func(t *testing.T, dir, text string){
		"renamed": func(t *testing.T, dir, text string) { file(t, dir+"/ca.pem", text) },
		"overwritten, same time": func(t *testing.T, dir, text string) {
			before, err := os.Stat(dir + "/ca.pem")
			must(t, err)
			must(t, os.WriteFile(dir+"/ca.pem", []byte(text), 0o600))
			must(t, os.Chtimes(dir+"/ca.pem", before.ModTime(), before.ModTime()))
		},
		"Kubernetes": func(t *testing.T, dir, text string) {
			mount(t, dir, "v2", text)
			must(t, os.RemoveAll(dir+"/v1"))
		},
	}
	for name, replace := range replace {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, after, dir := newAuthority(t), newAuthority(t), t.TempDir()
			if name == "Kubernetes" {
				mount(t, dir, "v1", certPEM(before.Certificate))
				must(t, os.Symlink("..data/ca.pem", dir+"/ca.pem"))
			} else {
				file(t, dir+"/ca.pem", certPEM(before.Certificate))
			}
			r := newRig(t, false, &tls.Config{Certificates: []tls.Certificate{before.server(t)}})
			c, out := r.watched(t, TLSFiles{CA: dir + "/ca.pem"})
			must(t, call(t, c))
			r.config.Store(&tls.Config{Certificates: []tls.Certificate{after.server(t)}})
			c.Close()
			if err := call(t, c); !IsCertificateError(err) {
				t.Fatalf("a certificate of the new CA with the old file: %v", err)
			}
			replace(t, dir, certPEM(after.Certificate))
			must(t, call(t, c))
			must(t, call(t, c))
			if strings.Count(out.String(), "gateway TLS files reloaded") != 1 || strings.Contains(out.String(), "WARN") {
				t.Errorf("log:\n%s", out)
			}
		})
	}
}

// mount puts a version of a volume in place as the kubelet does: the files are
// links through ..data, and that is the link that changes.
func mount(t *testing.T, dir, version, ca string) {
	t.Helper()
	must(t, os.Mkdir(filepath.Join(dir, version), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, version, "ca.pem"), []byte(ca), 0o600))
	must(t, os.Symlink(version, dir+"/..data_tmp"))
	must(t, os.Rename(dir+"/..data_tmp", dir+"/..data"))
}

// TestClientCertificateReplaced: a certificate that comes before its key keeps
// the old pair in use, is said once, and is used when the key is there.
func TestClientCertificateReplaced(t *testing.T) {
	t.Parallel()
	ca, dir := newAuthority(t), t.TempDir()
	r := newRig(t, false, &tls.Config{
		Certificates: []tls.Certificate{ca.server(t)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool(),
	})
	files := clientFiles(t, dir, ca.client(t, "old"))
	files.CA = file(t, dir+"/ca.pem", certPEM(ca.Certificate))
	c, out := r.watched(t, files)
	replacement := ca.client(t, "new")
	steps := []struct {
		change              func()
		peer                string
		refusals, reloading int // lines in the log so far
	}{
		{func() {}, "old", 0, 0},
		{func() { file(t, files.Cert, certPEM(replacement)) }, "old", 1, 0},
		{func() {}, "old", 1, 0},
		{func() { must(t, os.Remove(files.CA)) }, "old", 2, 0},
		{func() {}, "old", 2, 0},
		{func() { file(t, files.CA, certPEM(ca.Certificate)) }, "old", 3, 0},
		{func() { file(t, files.Key, keyPEM(t, replacement)) }, "new", 3, 1},
		{func() {}, "new", 3, 1},
	}
	for i, step := range steps {
		step.change()
		c.Close() // the next call makes a new handshake
		if err := call(t, c); err != nil || r.peer.Load() != step.peer {
			t.Errorf("step %d: the gateway saw %v, %v", i, r.peer.Load(), err)
		}
		if strings.Count(out.String(), `level=WARN msg="gateway TLS files not reloaded"`) != step.refusals ||
			strings.Count(out.String(), `level=INFO msg="gateway TLS files reloaded"`) != step.reloading {
			t.Errorf("step %d: log:\n%s", i, out)
		}
	}
	if !strings.Contains(out.String(), files.Cert) || strings.Contains(out.String(), "PRIVATE KEY") {
		t.Errorf("log:\n%s", out)
	}
}

// TestReloadLeavesCallsInFlight: a call that began before the change ends well
// after it.
func TestReloadLeavesCallsInFlight(t *testing.T) {
	t.Parallel()
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, after := newAuthority(t), newAuthority(t)
			r := newRig(t, http2, &tls.Config{Certificates: []tls.Certificate{before.server(t)}})
			r.calls = make(chan struct{})
			ca := file(t, t.TempDir()+"/ca.pem", certPEM(before.Certificate))
			c, _ := r.watched(t, TLSFiles{CA: ca})
			ended := make(chan error)
			go func() { ended <- callAgent(t, c, "30099") }()
			<-r.calls
			r.config.Store(&tls.Config{Certificates: []tls.Certificate{after.server(t)}})
			file(t, ca, certPEM(after.Certificate))
			must(t, call(t, c))
			r.calls <- struct{}{}
			must(t, <-ended)
		})
	}
}

// TestLooksAreRare: between two looks nothing is read, and without files never.
func TestLooksAreRare(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	r := newRig(t, false, &tls.Config{Certificates: []tls.Certificate{ca.server(t)}})
	name := file(t, t.TempDir()+"/ca.pem", certPEM(ca.Certificate))
	c, out := r.watched(t, TLSFiles{CA: name})
	var now time.Duration
	c.transport.clock = func() time.Duration { return now }
	must(t, os.Remove(name))
	for _, step := range []struct {
		at    time.Duration
		looks bool
	}{{0, false}, {lookEvery - 1, false}, {lookEvery, true}} {
		now = step.at
		must(t, call(t, c))
		if looked := out.Len() > 0; looked != step.looks {
			t.Errorf("after %v: looked %v", step.at, looked)
		}
	}
	transport, err := newReloading(TLSFiles{ServerName: "gateway.test"}, 1, nil)
	must(t, err)
	if due := time.Duration(transport.due.Load()); due < 100*365*24*time.Hour {
		t.Errorf("without files the first look is after %v", due)
	}
}

// TestReloadUnderLoad is for the race detector: many calls, and the file changes
// between two CAs that are both right.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	r := newRig(t, false, &tls.Config{Certificates: []tls.Certificate{ca.server(t)}})
	texts := []string{certPEM(ca.Certificate), certPEM(newAuthority(t).Certificate) + certPEM(ca.Certificate)}
	name := file(t, t.TempDir()+"/ca.pem", texts[0])
	c, out := r.watched(t, TLSFiles{CA: name})
	ended := make(chan error)
	const callers, calls = 8, 20
	for range callers {
		go func() {
			var err error
			for i := 0; i < calls && err == nil; i++ {
				err = call(t, c)
			}
			ended <- err
		}()
	}
	for i := range 20 {
		file(t, name, texts[(i+1)%2])
	}
	for range callers {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if strings.Contains(out.String(), "WARN") {
		t.Errorf("log:\n%s", out)
	}
}
