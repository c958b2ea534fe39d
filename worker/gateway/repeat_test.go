package gateway

import (
	"bytes"
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
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// once are the calls that must not be made twice unseen: those that change something,
// and the poll, whose answer may hold another GUID or an event.
func once() map[string]func(context.Context, *Client) error {
	s := Session{Inspector: "1001", GUID: "guid"}
	return map[string]func(context.Context, *Client) error{
		"POST /agentgateway/resource/qualitycontrol/1001/forcelogout/30099": func(ctx context.Context, c *Client) error {
			_, err := c.ForceLogout(ctx, s, "30099")
			return err
		},
		"PUT /agentgateway/resource/onlineagent/1001": func(ctx context.Context, c *Client) error {
			_, _, err := c.SignIn(ctx, SignInPlain, Credentials{Inspector: "1001", Password: "pw"})
			return err
		},
		"DELETE /agentgateway/resource/onlineagent/1001/logout": func(ctx context.Context, c *Client) error {
			_, err := c.SignOut(ctx, s)
			return err
		},
		"GET /agentgateway/resource/agentevent/1001": func(ctx context.Context, c *Client) error {
			_, _, _, err := c.Poll(ctx, s)
			return err
		},
	}
}

// seen counts requests.
type seen struct {
	mu sync.Mutex
	n  map[string]int
}

func (s *seen) add(request string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n == nil {
		s.n = map[string]int{}
	}
	s.n[request]++
}

func (s *seen) of(request string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n[request]
}

// TestNothingIsRepeated: a request whose connection breaks is made once, whatever it
// asks for, also on a connection that has been used before.
func TestNothingIsRepeated(t *testing.T) {
	t.Parallel()
	for request, make := range once() {
		t.Run(request, func(t *testing.T) {
			t.Parallel()
			var requests seen
			g := newCounted(t, (*httptest.Server).Start, func(w http.ResponseWriter, r *http.Request) {
				name := r.Method + " " + r.URL.Path
				if requests.add(name); name == request {
					conn, _, _ := http.NewResponseController(w).Hijack()
					_ = conn.Close()
					return
				}
				success(w, r)
			})
			c := clientOf(t, g.URL)
			for n := 1; n <= 20; n++ {
				must(t, call(t, c))
				time.Sleep(2 * rest)
				var unsent *UnsentError
				if err := make(t.Context(), c); err == nil || errors.As(err, &unsent) || requests.of(request) != n {
					t.Fatalf("%d requests for %d, %v", requests.of(request), n, err)
				}
			}
		})
	}
}

// TestQuestionsAreRepeated: a question changes nothing, so a connection that the
// gateway has just closed costs it nothing.
func TestQuestionsAreRepeated(t *testing.T) {
	t.Parallel()
	var broken sync.Map
	g := newCounted(t, (*httptest.Server).Start, func(w http.ResponseWriter, r *http.Request) {
		if _, was := broken.LoadOrStore(r.URL.Path, true); !was && r.Method == http.MethodGet {
			conn, _, _ := http.NewResponseController(w).Hijack()
			_ = conn.Close()
			return
		}
		success(w, r)
	})
	c := clientOf(t, g.URL)
	must(t, call(t, c))
	time.Sleep(2 * rest)
	_, err := c.OwnState(t.Context(), Session{Inspector: "1001", GUID: "guid"})
	must(t, err)
}

// TestNothingIsRepeatedOverHTTP2: nor is it where the gateway ends the stream or says
// goodbye. Other calls on the connection go on, and the next one works.
func TestNothingIsRepeatedOverHTTP2(t *testing.T) {
	t.Parallel()
	faults := map[string]func(*framed, uint32) error{
		"PROTOCOL_ERROR": func(f *framed, stream uint32) error { return f.WriteRSTStream(stream, http2.ErrCodeProtocol) },
		"REFUSED_STREAM": func(f *framed, stream uint32) error { return f.WriteRSTStream(stream, http2.ErrCodeRefusedStream) },
		"INTERNAL_ERROR": func(f *framed, stream uint32) error { return f.WriteRSTStream(stream, http2.ErrCodeInternal) },
		"NO_ERROR":       func(f *framed, stream uint32) error { return f.WriteRSTStream(stream, http2.ErrCodeNo) },
		"goodbye before": func(f *framed, stream uint32) error { return f.WriteGoAway(stream-2, http2.ErrCodeNo, nil) },
		"goodbye behind": func(f *framed, stream uint32) error {
			return errors.Join(f.WriteGoAway(stream, http2.ErrCodeNo, nil), io.EOF)
		},
		"goodbye with an error": func(f *framed, stream uint32) error {
			return errors.Join(f.WriteGoAway(stream-2, http2.ErrCodeEnhanceYourCalm, nil), io.EOF)
		},
		"closed": func(*framed, uint32) error { return io.EOF },
	}
	for name, fault := range faults {
		for request, make := range once() {
			t.Run(name+", "+request, func(t *testing.T) {
				t.Parallel()
				var requests seen
				c := framedClient(t, func(f *framed, stream uint32, name string) error {
					if requests.add(name); name == request {
						return fault(f, stream)
					}
					return f.succeed(stream)
				})
				for n := 1; n <= 3; n++ {
					must(t, call(t, c))
					ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
					err := make(ctx, c)
					cancel()
					var unsent *UnsentError
					if err == nil || errors.As(err, &unsent) || errors.Is(err, context.DeadlineExceeded) || requests.of(request) != n {
						t.Fatalf("%d requests for %d, %v", requests.of(request), n, err)
					}
				}
			})
		}
	}
}

// TestQuestionsAreRepeatedOnce: also where the gateway ends each stream.
func TestQuestionsAreRepeatedOnce(t *testing.T) {
	t.Parallel()
	var requests seen
	c := framedClient(t, func(f *framed, stream uint32, name string) error {
		requests.add(name)
		return f.WriteRSTStream(stream, http2.ErrCodeProtocol)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // a storm would have no end
	defer cancel()
	_, err := c.OwnState(ctx, Session{Inspector: "1001", GUID: "guid"})
	if n := requests.of("GET /agentgateway/resource/onlineagent/1001/agentstatus"); err == nil || n > 2 {
		t.Errorf("%d requests, %v", n, err)
	}
}

// TestDeadHTTP2: a connection that falls silent under a call that may take long is found
// to be dead, and the call ends before its time.
func TestDeadHTTP2(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes 20 s")
	}
	c := framedClient(t, func(f *framed, stream uint32, request string) error {
		if strings.Contains(request, "/agentevent/") {
			f.mute = true
			return nil
		}
		return f.succeed(stream)
	})
	must(t, call(t, c))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, _, _, err := c.Poll(ctx, Session{Inspector: "1001", GUID: "guid"}); err == nil || ctx.Err() != nil {
		t.Errorf("the poll ended with %v", err)
	}
	must(t, call(t, c))
}

// framed is the gateway's end of an HTTP/2 connection.
type framed struct {
	*http2.Framer
	mute bool // answers no ping
	head *hpack.Encoder
	out  *bytes.Buffer
}

func (f *framed) succeed(stream uint32) error {
	f.out.Reset()
	if err := f.head.WriteField(hpack.HeaderField{Name: ":status", Value: "200"}); err != nil {
		return err
	}
	head := http2.HeadersFrameParam{StreamID: stream, BlockFragment: f.out.Bytes(), EndHeaders: true}
	return errors.Join(f.WriteHeaders(head), f.WriteData(stream, true, []byte(`{"retcode":"0"}`)))
}

// framedClient is a client of a gateway at the level of HTTP/2 frames. An error of
// serve closes the connection.
func framedClient(t *testing.T, serve func(f *framed, stream uint32, request string) error) *Client {
	t.Helper()
	ca := newAuthority(t)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{ca.server(t)}, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12,
	})
	must(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				// A client that closes leaves a connection for its idle time that is not idle yet.
				defer context.AfterFunc(t.Context(), func() { conn.Close() })()
				serveFrames(conn, serve)
			})
		}
	})
	c := trusting(t, "https://"+listener.Addr().String(), ca)
	t.Cleanup(func() { c.Close(); listener.Close(); serving.Wait() })
	return c
}

func serveFrames(conn net.Conn, serve func(f *framed, stream uint32, request string) error) {
	if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	out := &bytes.Buffer{}
	f := &framed{Framer: http2.NewFramer(conn, conn), out: out, head: hpack.NewEncoder(out)}
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	requests := map[uint32]string{}
	err := f.WriteSettings()
	for err == nil {
		var frame http2.Frame
		if frame, err = f.ReadFrame(); err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				err = f.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !frame.IsAck() && !f.mute {
				err = f.WritePing(true, frame.Data)
			}
		case *http2.MetaHeadersFrame:
			requests[frame.StreamID] = fmt.Sprint(frame.PseudoValue("method"), " ", frame.PseudoValue("path"))
			if frame.StreamEnded() {
				err = serve(f, frame.StreamID, requests[frame.StreamID])
			}
		case *http2.DataFrame:
			if frame.StreamEnded() {
				err = serve(f, frame.StreamID, requests[frame.StreamID])
			}
		}
	}
}
