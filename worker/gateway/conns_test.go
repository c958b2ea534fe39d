package gateway

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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
				if got := g.proto.Load(); got != proto {
					t.Fatalf("a request over HTTP/%d", got)
				}
			}
			// The first one found out what the gateway speaks.
			if n := g.made.Load(); n > 2 {
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

// TestIdleConnectionsEnd: the client closes what it has not used for long, and all
// when it is closed.
func TestIdleConnectionsEnd(t *testing.T) {
	t.Parallel()
	if !canLook {
		t.Skip("an http.Transport has the connections here")
	}
	g := newCounted(t, (*httptest.Server).Start, success)
	c := clientOf(t, g.URL)
	direct := c.transport.current.Load().direct
	must(t, call(t, c))
	direct.sweepIdle()
	must(t, call(t, c))
	if n := g.made.Load(); n != 1 {
		t.Fatalf("%d connections: a young one was closed", n)
	}
	direct.mu.Lock()
	direct.idle[0].since = time.Now().Add(-idleTime)
	direct.mu.Unlock()
	direct.sweepIdle()
	<-g.ended
	must(t, call(t, c))
	c.Close()
	<-g.ended
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

// TestAnswersAsTheyCome: what a gateway, or something in front of it, may put on a
// connection, each twice.
func TestAnswersAsTheyCome(t *testing.T) {
	t.Parallel()
	const good = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"retcode\":\"0\"}"
	for name, test := range map[string]struct {
		answer      string
		error       string // part of it
		retcode     string
		connections int64 // for two calls
	}{
		"plain":                   {good, "", "0", 1},
		"chunked":                 {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n{\"retcode\":\"0\"}\r\n0\r\n\r\n", "", "0", 1},
		"no body":                 {"HTTP/1.1 204 No Content\r\n\r\n", "", "", 1},
		"empty body":              {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", "", 1},
		"interim answers":         {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + good, "", "0", 1},
		"nothing but interim":     {strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 10), "one interim answer after another", "", 2},
		"the last on it":          {strings.Replace(good, "OK\r\n", "OK\r\nConnection: close\r\n", 1), "", "0", 2},
		"HTTP/1.0":                {strings.Replace(good, "HTTP/1.1", "HTTP/1.0", 1), "", "0", 2},
		"other protocol":          {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "", "", 2},
		"an answer too many":      {good + "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{\"retcode\":\"900-001\"}", "", "0", 2},
		"endless head":            {"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("x", 1000)+"\r\n", 300), "head is larger", "", 2},
		"no HTTP":                 {"SSH-2.0-OpenSSH_9.2\r\n", "malformed HTTP", "", 2},
		"nothing":                 {"", "EOF", "", 2},
		"broken off in the body":  {good[:len(good)-3], "unexpected EOF", "", 2},
		"broken off in the head":  {good[:len("HTTP/1.1 200 OK\r\n")], "unexpected EOF", "", 2},
		"contradictory lengths":   {"HTTP/1.1 200 OK\r\nContent-Length: 15\r\nContent-Length: 16\r\n\r\n{\"retcode\":\"0\"}", "Content-Length", "", 2},
		"larger than anyone asks": {"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", 1_000_000), "answer is larger", "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, made := saying(t, test.answer)
			c := clientOf(t, url)
			for range 2 {
				answer, err := c.ForceLogout(t.Context(), Session{Inspector: "1001", GUID: "guid"}, "30012")
				if answer.Retcode != test.retcode || (err == nil) != (test.error == "") || err != nil && !strings.Contains(err.Error(), test.error) {
					t.Errorf("answer %+v, error %v", answer, err)
				}
			}
			if n := made.Load(); n != test.connections {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// saying answers each request with the same bytes. Where they are no whole answer it
// closes the connection behind them.
func saying(t *testing.T, answer string) (url string, made *atomic.Int64) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	made = &atomic.Int64{}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			made.Add(1)
			serving.Go(func() {
				defer conn.Close()
				for in := bufio.NewReader(conn); ; {
					if _, err := http.ReadRequest(in); err != nil {
						return
					}
					_, err := io.WriteString(conn, answer)
					if err != nil || !strings.HasSuffix(answer, "\r\n\r\n") && !strings.HasSuffix(answer, "}") {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() { listener.Close(); serving.Wait() })
	return "http://" + listener.Addr().String(), made
}
