package gateway

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const good = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"retcode\":\"0\"}"

// oddAnswer is an answer as a gateway, or something in front of it, may give it.
type oddAnswer struct {
	answer  string // the bytes over HTTP/1.1
	error   string // part of it
	retcode string
	ends    bool // the connection is not used again
	only11  bool // there is no such thing in HTTP/2
}

func oddAnswers() map[string]oddAnswer {
	with := func(head, body string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
	}
	const json = `{"message":"","retcode":"0","result":{}}`
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(z, json)
	_ = z.Close()
	return map[string]oddAnswer{
		"plain":                 {answer: good, retcode: "0"},
		"JSON as HTML":          {answer: with("Content-Type: text/html;charset=UTF-8\r\n", json), retcode: "0"},
		"JSON as nothing":       {answer: with("Content-Type: \r\n", json), retcode: "0"},
		"HTML":                  {answer: with("Content-Type: text/html\r\n", "<html>0</html>")},
		"HTML as JSON":          {answer: with("Content-Type: application/json\r\n", "<html>0</html>")},
		"byte order mark":       {answer: with("", "\xef\xbb\xbf"+json), retcode: "0"},
		"two byte order marks":  {answer: with("", "\xef\xbb\xbf\xef\xbb\xbf"+json)},
		"GBK text":              {answer: with("", "{\"message\":\"\xb3\xc9\xb9\xa6\",\"retcode\":\"0\"}"), retcode: "0"},
		"a number":              {answer: with("", `{"retcode":0,"result":""}`), retcode: "0"},
		"other names":           {answer: with("", `{"RetCode":"900-003","Msg":"x","result":null}`), retcode: "900-003"},
		"white space around":    {answer: with("", "\r\n \t"+json+"\r\n\r\n"), retcode: "0"},
		"something behind":      {answer: with("", json+"<!-- -->")},
		"gzip":                  {answer: with("Content-Encoding: gzip\r\n", zipped.String()), error: `Content-Encoding is "gzip"`},
		"br":                    {answer: with("Content-Encoding: br\r\n", json), error: `Content-Encoding is "br"`},
		"identity":              {answer: with("Content-Encoding: Identity\r\n", json), retcode: "0"},
		"chunked":               {answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n{\"retcode\":\"0\"}\r\n0\r\n\r\n", retcode: "0", only11: true},
		"chunked, odd":          {answer: "HTTP/1.1 200 OK\r\ntransfer-encoding:Chunked\r\nTrailer: X\r\n\r\n005;a=b\r\n{\"ret\r\n00A;c=d\r\ncode\":\"0\"}\r\n000\r\nX: y\r\n\r\n", retcode: "0", only11: true},
		"unknown coding":        {answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\nf\r\n{\"retcode\":\"0\"}\r\n0\r\n\r\n", error: `"gzip, chunked"`, ends: true, only11: true},
		"cut off chunk":         {answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n{\"retcode\":\"0\"}", error: "unexpected EOF", ends: true, only11: true},
		"until the end":         {answer: "HTTP/1.1 200 OK\r\n\r\n{\"retcode\":\"0\"}", retcode: "0", ends: true, only11: true},
		"lines without CR":      {answer: "HTTP/1.1 200 OK\nContent-Length: 15\n\n{\"retcode\":\"0\"}", retcode: "0", only11: true},
		"no reason":             {answer: strings.Replace(good, "200 OK", "200", 1), retcode: "0", only11: true},
		"the same length twice": {answer: strings.Replace(good, "OK\r\n", "OK\r\nContent-Length: 15\r\n", 1), retcode: "0", only11: true},
		"no body":               {answer: "HTTP/1.1 204 No Content\r\n\r\n"},
		"empty body":            {answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		"interim answers":       {answer: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + good, retcode: "0", only11: true},
		"endless interim":       {answer: strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: "+strings.Repeat("x", 1000)+"\r\n\r\n", 400), error: "headers exceeded", ends: true, only11: true},
		"the last on it":        {answer: strings.Replace(good, "OK\r\n", "OK\r\nConnection: close\r\n", 1), retcode: "0", ends: true, only11: true},
		"HTTP/1.0":              {answer: strings.Replace(good, "HTTP/1.1", "HTTP/1.0", 1), retcode: "0", ends: true, only11: true},
		"HTTP/1.0, kept":        {answer: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + good[len("HTTP/1.1 200 OK\r\n"):], retcode: "0", only11: true},
		"other protocol":        {answer: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", ends: true, only11: true},
		"endless head":          {answer: "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("x", 1000)+"\r\n", 300), error: "headers exceeded", ends: true, only11: true},
		"no HTTP":               {answer: "SSH-2.0-OpenSSH_9.2\r\n", error: "malformed HTTP", ends: true, only11: true},
		"nothing":               {answer: "", error: "EOF", ends: true, only11: true},
		"half a body":           {answer: good[:len(good)-3], error: "unexpected EOF", ends: true, only11: true},
		"half a head":           {answer: good[:len("HTTP/1.1 200 OK\r\n")], error: "unexpected EOF", ends: true, only11: true},
		"contradictory lengths": {answer: strings.Replace(good, "OK\r\n", "OK\r\nContent-Length: 16\r\n", 1), error: "Content-Length", ends: true, only11: true},
		"too large":             {answer: with("", strings.Repeat("x", 1_000_000)), error: "answer is larger", ends: true},
		"a page of a balancer":  {answer: "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"},
		"proxy's refusal":       {answer: "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", error: "the proxy asks for credentials"},
	}
}

// protocols are the ways in which a gateway is spoken to.
func protocols() map[string]uint16 {
	return map[string]uint16{"plain": 0, "TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}
}

// TestAnswersAsTheyCome: each kind of answer is judged alike over each protocol, in
// one piece and in many, and its connection is used again where HTTP allows it.
func TestAnswersAsTheyCome(t *testing.T) {
	t.Parallel()
	for protocol, version := range protocols() {
		for _, pieces := range []int{1, 7} {
			for name, test := range oddAnswers() {
				t.Run(fmt.Sprintf("%s, %d pieces, %s", protocol, pieces, name), func(t *testing.T) {
					t.Parallel()
					g := newSpeaker(t, version, pieces, func(string, int) string { return test.answer })
					test.check(t, g.client(t))
					if n := g.made.Load(); (n == 2) != test.ends || n > 2 {
						t.Errorf("%d connections for two calls", n)
					}
				})
			}
		}
	}
}

func (a oddAnswer) check(t *testing.T, c *Client) {
	t.Helper()
	for range 2 {
		answer, err := c.ForceLogout(t.Context(), Session{Inspector: "1001", GUID: "guid"}, "30012")
		if answer.Retcode != a.retcode || (err == nil) != (a.error == "") || err != nil && !strings.Contains(err.Error(), a.error) {
			t.Errorf("answer %+v, error %v", answer, err)
		}
		time.Sleep(2 * rest)
	}
}

// TestAnswersOverHTTP2: the same over HTTP/2, in one DATA frame and in several; no
// stream is ended by a reset whose answer was read.
func TestAnswersOverHTTP2(t *testing.T) {
	t.Parallel()
	for _, pieces := range []int{1, 7} {
		for name, test := range oddAnswers() {
			if test.only11 {
				continue
			}
			t.Run(fmt.Sprintf("%d pieces, %s", pieces, name), func(t *testing.T) {
				t.Parallel()
				ca := newAuthority(t)
				g := newCounted(t, func(s *httptest.Server) {
					s.EnableHTTP2 = true
					s.Config.ErrorLog = log.New(io.Discard, "", 0)
					s.TLS = &tls.Config{Certificates: []tls.Certificate{ca.server(t)}}
					s.StartTLS()
				}, func(w http.ResponseWriter, _ *http.Request) { replay(w, test.answer, pieces) })
				c := trusting(t, g.URL, ca)
				test.check(t, c)
				if g.proto.Load() != 2 || g.made.Load() != 1 {
					t.Errorf("HTTP/%d, %d connections", g.proto.Load(), g.made.Load())
				}
			})
		}
	}
}

// replay gives an HTTP/1.1 answer over what the writer speaks.
func replay(w http.ResponseWriter, answer string, pieces int) {
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), nil)
	if err != nil {
		panic(err)
	}
	body, _ := io.ReadAll(resp.Body)
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	for _, piece := range cut(string(body), pieces) {
		if _, err := io.WriteString(w, piece); err != nil {
			return
		}
		if pieces > 1 {
			_ = http.NewResponseController(w).Flush()
		}
	}
}

// cut makes n pieces of a text, fewer of a short one.
func cut(text string, n int) (pieces []string) {
	size := max(1, (len(text)+n-1)/n)
	for len(text) > size {
		pieces = append(pieces, text[:size])
		text = text[size:]
	}
	return append(pieces, text)
}

// TestStrayAnswers: behind every answer come more bytes that look like one. Whatever
// calls fail for it, none is answered with what is another agent's.
func TestStrayAnswers(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of close races: not with -short")
	}
	// Not parallel: it is about close races.
	stray := "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n" + `{"retcode":"0","message":"nobody asked"}`
	for protocol, version := range protocols() {
		for _, how := range []string{"one record", "two records", "two packets"} {
			// One at a time is the fastest to use a connection again.
			for _, at := range map[string][]int{"one record": {8}, "two records": {8}, "two packets": {1}}[how] {
				tight := at > 1 && how != "two packets"
				t.Run(fmt.Sprintf("%s, %s, %d at once", protocol, how, at), func(t *testing.T) {
					g := newSpeaker(t, version, 1, nil)
					g.say = func(agent string, _ int) string {
						body := `{"retcode":"0","message":"for ` + agent + `"}`
						return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body) + stray
					}
					if how != "one record" {
						g.cut = func(text string) []string { return []string{text[:len(text)-len(stray)], stray} }
						g.apart = how == "two packets"
					}
					c := g.client(t)
					if tight {
						c.transport.most = 1 // so that connections are used again without a rest
					}
					var failed atomic.Int64
					var calls sync.WaitGroup
					for caller := range at {
						calls.Go(func() {
							for i := range 1000 / at {
								agent := fmt.Sprint(30000 + 1000*caller + i)
								answer, err := c.ForceLogout(t.Context(), Session{Inspector: "1001", GUID: "guid"}, agent)
								if err != nil {
									failed.Add(1)
								} else if answer.Message != "for "+agent {
									t.Errorf("agent %s: %+v", agent, answer)
								}
							}
						})
					}
					calls.Wait()
					t.Logf("%d of 1000 calls failed, %d connections", failed.Load(), g.made.Load())
				})
			}
		}
	}
}

// TestEarlyAnswer: an answer that comes after a call has been given a connection, and
// before its request has left, is not the call's.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	conns := make(chan net.Conn, 1)
	g := newCounted(t, func(s *httptest.Server) {
		s.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context { conns <- c; return ctx }
		s.Start()
	}, success)
	c := clientOf(t, g.URL)
	must(t, call(t, c))
	conn := <-conns
	time.Sleep(2 * rest)
	came := make(chan struct{})
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GotFirstResponseByte: sync.OnceFunc(func() { close(came) }),
		WroteHeaders: func() { // to a buffer
			_, _ = io.WriteString(conn, good)
			<-came
		},
	})
	if answer, err := c.ForceLogout(ctx, Session{Inspector: "1001", GUID: "guid"}, "30012"); !errors.Is(err, errUnasked) {
		t.Errorf("answer %+v, error %v", answer, err)
	}
	must(t, call(t, c))
}

// TestBytesAtRest: bytes that come between two calls go no further: net/http would
// write them into the log, and there may be a GUID in them.
func TestBytesAtRest(t *testing.T) {
	t.Parallel()
	here, there := net.Pipe()
	defer here.Close()
	w := &wire{Conn: here}
	w.state.Store(resting)
	go func() { _, _ = io.WriteString(there, good); _ = there.Close() }()
	if n, err := w.Read(make([]byte, 100)); n != 0 || !errors.Is(err, errUnasked) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// TestDesync: large answers with a stray success behind them for some agents, and
// refusals for others: no refused agent is ever reported signed out.
func TestDesync(t *testing.T) {
	t.Parallel()
	for protocol, version := range protocols() {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			large := `{"retcode":"0","message":"","result":"` + strings.Repeat("x", 9000) + `"}`
			g := newSpeaker(t, version, 1, func(agent string, _ int) string {
				if strings.HasSuffix(agent, "1") {
					return "HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n{\"retcode\":\"000-002\"}  "
				}
				return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(large), large) + good
			})
			c := g.client(t)
			for i := range 500 {
				agent := fmt.Sprint(30000 + i%2)
				answer, err := c.ForceLogout(t.Context(), Session{Inspector: "1001", GUID: "guid"}, agent)
				if want := []string{"0", "000-002"}[i%2]; err == nil && answer.Retcode != want {
					t.Fatalf("call %d, agent %s: %+v", i, agent, answer)
				}
			}
		})
	}
}

// TestGoodbyeWithAnswer: a TLS goodbye in the same packet as an answer is heeded: the
// next call, which could not be repeated, does not go that way.
func TestGoodbyeWithAnswer(t *testing.T) {
	t.Parallel()
	for protocol, version := range protocols() {
		if version == 0 {
			continue
		}
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			g := newSpeaker(t, version, 1, func(string, int) string { return good })
			g.goodbye = true
			c := g.client(t)
			for range 200 {
				must(t, call(t, c))
			}
		})
	}
}

// speaker is a gateway at the level of bytes.
type speaker struct {
	url     string
	ca      *authority // nil without TLS
	say     func(agent string, call int) string
	cut     func(string) []string // into what is written at a time
	goodbye bool                  // over TLS, with each answer
	apart   bool                  // write each piece by itself
	made    atomic.Int64
}

// newSpeaker answers each request with bytes, cut into pieces. Where these are no
// whole answer it closes the connection behind them.
func newSpeaker(t *testing.T, version uint16, pieces int, say func(agent string, call int) string) *speaker {
	t.Helper()
	s := &speaker{say: say, cut: func(text string) []string { return cut(text, pieces) }}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s.url = "http://" + listener.Addr().String()
	var config *tls.Config
	if version != 0 {
		ca := newAuthority(t)
		s.ca, s.url = &ca, "https://"+listener.Addr().String()
		config = &tls.Config{Certificates: []tls.Certificate{ca.server(t)}, MaxVersion: version, NextProtos: []string{"http/1.1"}}
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.made.Add(1)
			serving.Go(func() { s.serve(conn, config) })
		}
	})
	t.Cleanup(func() { listener.Close(); serving.Wait() })
	return s
}

func (s *speaker) serve(raw net.Conn, config *tls.Config) {
	defer raw.Close()
	out := &gathering{Conn: raw}
	var conn net.Conn = out
	if config != nil {
		conn = tls.Server(out, config)
	}
	in := bufio.NewReader(conn)
	for n := 0; ; n++ {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		answer := s.say(req.URL.Path[strings.LastIndex(req.URL.Path, "/")+1:], n)
		pieces := s.cut(answer)
		// Records of one packet where there are few, each by itself where there are many.
		out.gather(len(pieces) <= 2 && !s.apart)
		for _, piece := range pieces {
			if _, err := io.WriteString(conn, piece); err != nil {
				return
			}
			if len(pieces) > 2 {
				time.Sleep(100 * time.Microsecond)
			}
		}
		if s.goodbye {
			_ = conn.(*tls.Conn).CloseWrite()
		}
		if out.release() != nil || s.goodbye || !whole(answer) {
			return
		}
	}
}

// whole reports whether the bytes end with a whole answer whose end shows.
func whole(answer string) bool {
	in := bufio.NewReader(strings.NewReader(answer))
	for {
		resp, err := http.ReadResponse(in, nil)
		if err != nil || resp.Close || resp.StatusCode == http.StatusSwitchingProtocols {
			return strings.Contains(answer, "Content-Length: 15\r\nContent-Length: 16")
		}
		if resp.ContentLength < 0 && len(resp.TransferEncoding) == 0 && resp.StatusCode >= 200 && resp.StatusCode != 204 {
			return false
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return false
		}
		if resp.StatusCode >= 200 && in.Buffered() == 0 {
			return true
		}
	}
}

func (s *speaker) client(t *testing.T) *Client {
	t.Helper()
	if s.ca != nil {
		return trusting(t, s.url, *s.ca)
	}
	return clientOf(t, s.url)
}

// trusting is a client that trusts a CA.
func trusting(t *testing.T, url string, ca authority) *Client {
	t.Helper()
	c, err := NewClient(Options{URL: url, TLS: TLSFiles{CA: file(t, t.TempDir()+"/ca.pem", certPEM(ca.Certificate))}})
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

// gathering makes several TLS records leave in one packet.
type gathering struct {
	net.Conn
	on   bool
	held []byte
}

// Write implements io.Writer.
func (g *gathering) Write(p []byte) (int, error) {
	if !g.on {
		return g.Conn.Write(p)
	}
	g.held = append(g.held, p...)
	return len(p), nil
}

func (g *gathering) gather(on bool) { g.on = on }

func (g *gathering) release() error {
	g.on = false
	if len(g.held) == 0 {
		return nil
	}
	// A goodbye has set one.
	err := g.Conn.SetWriteDeadline(time.Time{})
	_, wrote := g.Conn.Write(g.held)
	g.held = nil
	return errors.Join(err, wrote)
}
