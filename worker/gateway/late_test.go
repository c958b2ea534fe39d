package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// asleep is a context whose time is over and whose timer has not told so yet, as in a
// process that stood still and wakes.
type asleep struct {
	context.Context
	until time.Time
}

func (a asleep) Deadline() (time.Time, bool) { return a.until, true }

// TestNoRequestAfterItsTime: a process that stood still between its last check and the
// request writes nothing when it wakes, and other calls on the same connection go on.
func TestNoRequestAfterItsTime(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP/2 %v", http2), func(t *testing.T) {
			t.Parallel()
			ca, asked, answer := newAuthority(t), make(chan string, 9), make(chan struct{})
			g := newCounted(t, func(s *httptest.Server) {
				s.EnableHTTP2 = http2
				s.TLS = &tls.Config{Certificates: []tls.Certificate{ca.server(t)}}
				s.StartTLS()
			}, func(w http.ResponseWriter, r *http.Request) {
				agent := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
				asked <- agent
				if agent == "30099" {
					<-answer
				}
				success(w, r)
			})
			c := trusting(t, g.URL, ca)
			must(t, callAgent(t, c, "30001")) // a connection is there, to be shared or used again
			ended := make(chan error)
			go func() { ended <- callAgent(t, c, "30099") }()
			_, _ = <-asked, <-asked
			time.Sleep(rest)
			late := asleep{t.Context(), time.Now().Add(-time.Second)}
			_, err := c.ForceLogout(late, Session{Inspector: "1001", GUID: "guid"}, "30002")
			var unsent *UnsentError
			if !errors.As(err, &unsent) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the late call ended with %v", err)
			}
			close(answer)
			must(t, <-ended)
			must(t, callAgent(t, c, "30003"))
			if agent := <-asked; agent != "30003" {
				t.Errorf("the gateway was asked about %s", agent)
			}
		})
	}
}
