package gateway

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// lookEvery is the least time between two looks at the TLS files. Certificates
// are replaced days before they end, so seconds are soon enough.
const lookEvery = 5 * time.Second

// reloading sends requests through a transport that has the TLS files' present
// contents.
//
// The files are looked at by a request, so an idle client does not look, and
// one request waits for the disk while the others go on. A file that is caught
// half written but makes sense is used until the next look.
type reloading struct {
	base  *url.URL
	files TLSFiles
	conns int
	log   *slog.Logger
	clock func() time.Duration // since the start; the wall clock may be set back

	current atomic.Pointer[transport]
	due     atomic.Int64 // when to look next, on the clock

	mu      sync.Mutex // held during a look, for what follows
	texts   pemTexts   // what current was made of
	trouble string     // the problem that was logged last, empty if there is none
}

// newReloading reads the files at once: a worker that starts with wrong ones
// should say so and end.
func newReloading(base *url.URL, files TLSFiles, conns int, log *slog.Logger) (*reloading, error) {
	texts, err := files.read()
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	start := time.Now()
	r := &reloading{base: base, files: files, conns: conns, log: log, clock: func() time.Duration { return time.Since(start) }}
	r.due.Store(int64(lookEvery))
	if !files.any() {
		r.due.Store(math.MaxInt64)
	}
	return r, r.use(texts)
}

// RoundTrip implements http.RoundTripper.
func (r *reloading) RoundTrip(req *http.Request) (*http.Response, error) {
	if now := r.clock(); int64(now) >= r.due.Load() {
		r.look(req.Context(), now)
	}
	return r.current.Load().RoundTrip(req)
}

// CloseIdleConnections leaves calls in flight alone.
func (r *reloading) CloseIdleConnections() { r.current.Load().CloseIdleConnections() }

// look takes changed files into use. Files that cannot be used, for example a
// certificate without its new key yet, leave everything as it was.
func (r *reloading) look(ctx context.Context, now time.Duration) {
	if !r.mu.TryLock() {
		return // somebody else is looking
	}
	defer r.mu.Unlock()
	r.due.Store(int64(now + lookEvery))
	changed, err := r.reload()
	trouble := ""
	switch {
	case err != nil:
		trouble = err.Error()
		if trouble != r.trouble {
			r.log.LogAttrs(ctx, slog.LevelWarn, "gateway TLS files not reloaded", slog.Any("error", err))
		}
	case changed:
		r.log.LogAttrs(ctx, slog.LevelInfo, "gateway TLS files reloaded")
	}
	r.trouble = trouble
}

func (r *reloading) reload() (changed bool, err error) {
	texts, err := r.files.read()
	if err != nil || texts == r.texts {
		return false, err
	}
	return true, r.use(texts)
}

// use makes a transport of the contents and puts it in the place of the
// current one, whose requests in flight end undisturbed.
func (r *reloading) use(texts pemTexts) error {
	config, err := r.files.config(texts)
	if err != nil {
		return err
	}
	old := r.current.Swap(newTransport(r.base, config, r.conns))
	r.texts = texts
	if old != nil {
		old.CloseIdleConnections()
	}
	return nil
}

// transport speaks HTTP/1.1 over conns, and leaves HTTP/2 and proxies to an
// http.Transport. It knows when a client certificate is missing.
type transport struct {
	*http.Transport
	direct *conns
	may    bool        // direct may be used: there is no proxy
	http11 atomic.Bool // the gateway speaks nothing newer, and direct is used
	bare   atomic.Bool // the gateway asked for a client certificate, and none fitted
}

func newTransport(base *url.URL, config *tls.Config, most int) *transport {
	t := &transport{Transport: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: handshakeTime,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        most,
		MaxIdleConnsPerHost: most,
		// It also ends connections that come idle in a replaced transport.
		IdleConnTimeout: idleTime,
		// A compressed body could grow far beyond MaxAnswer while it is read.
		DisableCompression: true,
		// A connection that is silently dead would be used for minutes.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
	}}
	certs := config.Certificates
	config.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		for i := range certs {
			if request.SupportsCertificate(&certs[i]) == nil {
				return &certs[i], nil
			}
		}
		t.bare.Store(true)
		return &tls.Certificate{}, nil // the gateway may do without
	}
	t.direct = newConns(base, config, most)
	through, err := http.ProxyFromEnvironment(&http.Request{URL: base})
	t.may = canLook && through == nil && err == nil
	t.http11.Store(t.may && base.Scheme == "http")
	return t
}

// RoundTrip names what TLS 1.2 has no alert for: a missing client certificate.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.send(req)
	if err != nil && t.bare.Load() && isAlert(err, handshakeFailure) {
		err = fmt.Errorf("%w: %w", errNoClientCertificate, err)
	}
	return resp, err
}

// send learns from the first answer over TLS which of both it is to be.
func (t *transport) send(req *http.Request) (*http.Response, error) {
	if t.http11.Load() {
		return t.direct.RoundTrip(req)
	}
	resp, err := t.Transport.RoundTrip(req)
	if err == nil && resp.ProtoMajor == 1 && t.may {
		t.http11.Store(true)
	}
	return resp, err
}

// CloseIdleConnections is for a transport that is not used for new requests any more.
func (t *transport) CloseIdleConnections() {
	t.direct.close()
	t.Transport.CloseIdleConnections()
}
