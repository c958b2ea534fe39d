package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// counted is a gateway that counts the connections to it.
type counted struct {
	*httptest.Server
	made  atomic.Int64
	proto atomic.Int64 // major version of the last request
	ended chan struct{}
}

func newCounted(t *testing.T, start func(*httptest.Server), serve http.HandlerFunc) *counted {
	c := &counted{ended: make(chan struct{}, 100)}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.proto.Store(int64(r.ProtoMajor))
		serve(w, r)
	}))
	c.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			c.made.Add(1)
		case http.StateClosed:
			c.ended <- struct{}{}
		}
	}
	start(c.Server)
	t.Cleanup(c.Close)
	return c
}

func success(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"retcode":"0"}`) }

func clientOf(t *testing.T, url string) *Client {
	c, err := NewClient(Options{URL: url})
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

// TestConnectionsAreKept: calls one after another share a connection, calls at the
// same time have one each, and all are used again.
func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	const together = 8
	var gate sync.WaitGroup
	g := newCounted(t, (*httptest.Server).Start, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/30099") {
			gate.Done()
			gate.Wait()
		}
		success(w, r)
	})
	c := clientOf(t, g.URL)
	for range 3 {
		must(t, call(t, c))
		time.Sleep(2 * rest)
	}
	if n := g.made.Load(); n != 1 {
		t.Errorf("%d connections for calls one after another", n)
	}
	for range 3 {
		gate.Add(together)
		var calls sync.WaitGroup
		for range together {
			calls.Go(func() {
				if err := callAgent(t, c, "30099"); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		time.Sleep(2 * rest)
	}
	if n := g.made.Load(); n != together {
		t.Errorf("%d connections for %d calls at a time", n, together)
	}
}

// TestProtocol: HTTP/2 where the gateway offers it, and else connections that are
// kept, over TLS too.
func TestProtocol(t *testing.T) {
	t.Parallel()
	for proto, http2 := range map[int64]bool{1: false, 2: true} {
		t.Run(fmt.Sprint("HTTP/", proto), func(t *testing.T) {
			t.Parallel()
			ca := newAuthority(t)
			g := newCounted(t, func(s *httptest.Server) {
				s.EnableHTTP2 = http2
				s.TLS = &tls.Config{Certificates: []tls.Certificate{ca.server(t)}}
				s.StartTLS()
			}, success)
			c, err := NewClient(Options{URL: g.URL, TLS: TLSFiles{CA: file(t, t.TempDir()+"/ca.pem", certPEM(ca.Certificate))}})
			must(t, err)
			defer c.Close()
			for range 6 {
				must(t, call(t, c))
				time.Sleep(2 * rest)
				if got := g.proto.Load(); got != proto {
					t.Fatalf("a request over HTTP/%d", got)
				}
			}
			if n := g.made.Load(); n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// TestGatewayClosesConnections: what the gateway has closed while it was idle is not
// used for a call, which could not be repeated.
func TestGatewayClosesConnections(t *testing.T) {
	t.Parallel()
	calls := 0
	g := newCounted(t, (*httptest.Server).Start, func(w http.ResponseWriter, r *http.Request) { calls++; success(w, r) })
	c := clientOf(t, g.URL)
	const rounds = 20
	for range rounds {
		must(t, call(t, c))
		g.CloseClientConnections()
		<-g.ended
	}
	if n := g.made.Load(); n != rounds || calls != rounds {
		t.Errorf("%d connections and %d calls in %d rounds", n, calls, rounds)
	}
}

// TestCallIsCancelled: a call ends with its context while the gateway is silent, and
// its connection with it: a late answer must not be taken for the next call's.
func TestCallIsCancelled(t *testing.T) {
	t.Parallel()
	for name, silence := range map[string]func(http.ResponseWriter){
		"before the answer": func(http.ResponseWriter) {},
		"within the answer": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"ret`)
			_ = http.NewResponseController(w).Flush()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan struct{})
			g := newCounted(t, (*httptest.Server).Start, func(w http.ResponseWriter, r *http.Request) {
				silence(w)
				asked <- struct{}{}
				<-r.Context().Done()
			})
			c := clientOf(t, g.URL)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() {
				_, err := c.ForceLogout(ctx, Session{Inspector: "1001", GUID: "guid"}, "30012")
				ended <- err
			}()
			<-asked
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("the call ended with %v", err)
			}
			<-g.ended
		})
	}
}

// TestConnectionsAge: a connection that is old, or older than a call that got no
// answer in time, makes no new call; neither does any after Redial. Calls in flight
// end undisturbed.
func TestConnectionsAge(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*testing.T, *Client, *time.Duration){
		"old":      func(_ *testing.T, _ *Client, now *time.Duration) { *now += oldest },
		"redialed": func(_ *testing.T, c *Client, _ *time.Duration) { c.Redial() },
		"doubted": func(t *testing.T, c *Client, now *time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			*now += time.Second
			if _, err := c.ForceLogout(ctx, Session{Inspector: "1001", GUID: "guid"}, "30098"); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		},
	} {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, HTTP/2 %v", name, http2), func(t *testing.T) {
				t.Parallel()
				ca, asked, answer := newAuthority(t), make(chan struct{}), make(chan struct{})
				var seen sync.Map
				g := newCounted(t, func(s *httptest.Server) {
					s.EnableHTTP2 = http2
					s.TLS = &tls.Config{Certificates: []tls.Certificate{ca.server(t)}}
					s.StartTLS()
				}, func(w http.ResponseWriter, r *http.Request) {
					seen.Store(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:], r.RemoteAddr)
					switch {
					case strings.HasSuffix(r.URL.Path, "/30098"):
						<-r.Context().Done()
					case strings.HasSuffix(r.URL.Path, "/30099"):
						close(asked)
						<-answer
					}
					success(w, r)
				})
				c, now := trusting(t, g.URL, ca), time.Hour
				var mu sync.Mutex
				c.transport.clock = func() time.Duration { mu.Lock(); defer mu.Unlock(); now += rest; return now }
				must(t, callAgent(t, c, "30001"))
				ended := make(chan error)
				go func() { ended <- callAgent(t, c, "30099") }()
				<-asked
				must(t, callAgent(t, c, "30002"))
				mu.Lock()
				later := now
				mu.Unlock()
				leave(t, c, &later)
				mu.Lock()
				now = later
				mu.Unlock()
				must(t, callAgent(t, c, "30003"))
				close(answer)
				must(t, <-ended)
				must(t, callAgent(t, c, "30004"))
				at := func(agent string) any { addr, _ := seen.Load(agent); return addr }
				if at("30003") == at("30002") || at("30003") == at("30001") || at("30004") != at("30003") {
					t.Errorf("calls came over %v, %v; then %v, %v", at("30001"), at("30002"), at("30003"), at("30004"))
				}
			})
		}
	}
}

// TestOldConnectionIsClosed: an HTTP/2 connection that is too old is closed when another
// takes its place. Nothing else would end it before it has been idle for long.
func TestOldConnectionIsClosed(t *testing.T) {
	t.Parallel()
	now := time.Hour
	p := lanes{most: 1, clock: func() time.Duration { return now }, config: &tls.Config{}}
	first := p.take()
	if unused := p.keep(first, 2); len(unused) > 0 || p.take() != first {
		t.Fatal("the first one is not shared")
	}
	now += oldest
	second := p.take()
	if unused := p.keep(second, 2); second == first || !slices.Contains(unused, first) || p.take() != second {
		t.Errorf("unused: %v", unused)
	}
}

// TestSharedNoMore: where a gateway has gone back to HTTP/1.1, calls share no connection
// any more, which would get no rest.
func TestSharedNoMore(t *testing.T) {
	t.Parallel()
	p := lanes{most: 8, clock: func() time.Duration { return time.Hour }, config: &tls.Config{}}
	l := p.take()
	p.keep(l, 2)
	if p.take() != l {
		t.Fatal("it is not shared")
	}
	if unused := p.keep(l, 1); !slices.Contains(unused, l) || p.take() == l {
		t.Error("it is still shared")
	}
}

// TestHandshakeEnds: a gateway that takes connections and says nothing costs a call with
// much time only a part of it.
func TestHandshakeEnds(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes 5 s")
	}
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer mute.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	_, err = clientOf(t, "https://"+mute.Addr().String()).ForceLogout(ctx, Session{Inspector: "1001", GUID: "guid"}, "30012")
	var unsent *UnsentError
	if !errors.As(err, &unsent) || ctx.Err() != nil {
		t.Errorf("error %v", err)
	}
}

// TestDoubtedConnectionsAreClosed: those that are older than a call without an answer
// are closed at once, and not one by one when calls come to them.
func TestDoubtedConnectionsAreClosed(t *testing.T) {
	t.Parallel()
	now := time.Hour
	p := lanes{most: 8, clock: func() time.Duration { return now }, config: &tls.Config{}}
	old := []*lane{p.take(), p.take()}
	for _, l := range old {
		p.keep(l, 1)
	}
	now += time.Second
	begin := now
	young := newLane(p.config, nil, now, 0)
	p.keep(young, 1)
	if closed := p.dropBefore(begin); !slices.Equal(closed, old) {
		t.Errorf("%d closed", len(closed))
	}
	if now += rest; p.take() != young {
		t.Error("the young one is gone")
	}
}

// TestDeadConnections: a failover leaves all connections dead and silent. One call
// that times out is enough for the next to dial anew.
func TestDeadConnections(t *testing.T) {
	t.Parallel()
	var dead atomic.Bool
	var old sync.Map
	g := newCounted(t, (*httptest.Server).Start, func(w http.ResponseWriter, r *http.Request) {
		if !dead.Load() {
			old.Store(r.RemoteAddr, true)
		} else if _, is := old.Load(r.RemoteAddr); is {
			<-r.Context().Done()
		}
		success(w, r)
	})
	c := clientOf(t, g.URL)
	var calls sync.WaitGroup
	for range 32 {
		calls.Go(func() {
			if err := call(t, c); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	dead.Store(true)
	time.Sleep(2 * rest)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.ForceLogout(ctx, Session{Inspector: "1001", GUID: "guid"}, "30012"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	for range 40 {
		must(t, call(t, c))
	}
}

// TestUnsent: what never became a request is told from what may have been one.
func TestUnsent(t *testing.T) {
	t.Parallel()
	listener := func(serve func(net.Conn)) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() { defer c.Close(); serve(c) }()
			}
		}()
		return l.Addr().String()
	}
	mute := listener(func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	closes := listener(func(net.Conn) {})
	reads := listener(func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) })
	plain := listener(func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") })
	for name, test := range map[string]struct {
		url    string
		unsent bool
	}{
		"refused":                   {"http://127.0.0.1:1", true},
		"no such name":              {"http://gateway.invalid", true},
		"silent in the handshake":   {"https://" + mute, true},
		"closed in the handshake":   {"https://" + closes, true},
		"no TLS":                    {"https://" + plain, true},
		"silent after the request":  {"http://" + mute, false},
		"closed after the request":  {"http://" + reads, false},
		"closed before the request": {"http://" + closes, false}, // nobody knows
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := clientOf(t, test.url).ForceLogout(ctx, Session{Inspector: "1001", GUID: "guid"}, "30012")
			var unsent *UnsentError
			if err == nil || errors.As(err, &unsent) != test.unsent {
				t.Errorf("unsent %v: %v", !test.unsent, err)
			}
		})
	}
}
