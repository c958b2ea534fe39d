package gateway

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// dialTime bounds the making of a TCP connection. Where a name has several
	// addresses, each has its share, so that one that swallows packets leaves time
	// for the next within a call.
	dialTime = 6 * time.Second
	// handshakeTime bounds a TLS handshake.
	handshakeTime = 5 * time.Second
	// idleTime is how long a connection is kept for the next call: less than Tomcat
	// keeps it (20 s), so that a call and the gateway's goodbye rarely cross.
	idleTime = 15 * time.Second
	// oldest is how long connections are used for new calls. A name that has moved
	// to another address is noticed then.
	oldest = 2 * time.Minute
	// rest is how long an HTTP/1.1 connection is left alone after an answer. What
	// comes then is no answer to the next call, and ends the connection.
	rest = 20 * time.Millisecond
	// perCall is how many idle connections are kept for each call in flight, so that
	// they can rest where answers come within a millisecond.
	perCall = 2
	// buffer is of each connection, both ways: what a call needs fits many times.
	buffer = 2 << 10
	// tlsSessions is how many TLS sessions are remembered, so that one connection more
	// costs the gateway little.
	tlsSessions = 64
	// maxHead is how many bytes of an answer's status line and headers are read.
	maxHead = 256 << 10
)

// lane is an http.Transport that makes one call at a time, so that its connection can
// rest between two of them. Where it speaks HTTP/2, whose answers name their
// requests, it is shared by all calls.
type lane struct {
	*http.Transport
	made       time.Duration // on the clock
	idle       time.Duration // since when; on the clock
	generation int
	bare       atomic.Bool // the gateway asked for a client certificate, and none fitted
}

func newLane(config *tls.Config, sessions tls.ClientSessionCache, made time.Duration, generation int) *lane {
	l := &lane{made: made, generation: generation}
	dialer := &net.Dialer{Timeout: dialTime}
	l.Transport = &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &wire{Conn: c}, nil
		},
		TLSClientConfig:        config.Clone(),
		TLSHandshakeTimeout:    handshakeTime,
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: maxHead,
		IdleConnTimeout:        idleTime,
		ReadBufferSize:         buffer,
		WriteBufferSize:        buffer,
		// A compressed body could grow far beyond MaxAnswer while it is read.
		DisableCompression: true,
		// A connection that is silently dead would be used for minutes.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
	}
	l.TLSClientConfig.ClientSessionCache = sessions
	certs := config.Certificates
	l.TLSClientConfig.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		for i := range certs {
			if request.SupportsCertificate(&certs[i]) == nil {
				return &certs[i], nil
			}
		}
		l.bare.Store(true)
		return &tls.Certificate{}, nil // the gateway may do without
	}
	return l
}

// RoundTrip names what TLS 1.2 has no alert for: a missing client certificate.
func (l *lane) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := l.Transport.RoundTrip(req)
	if err != nil && l.bare.Load() && isAlert(err, handshakeFailure) {
		err = fmt.Errorf("%w: %w", errNoClientCertificate, err)
	}
	return resp, err
}
