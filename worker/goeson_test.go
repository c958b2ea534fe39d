package worker_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// impatient puts a proxy before the gateway that breaks off the first sign-out, which the
// gateway goes on with: it works when `work` is called.
func (r *rig) impatient() (broken <-chan struct{}, work func()) {
	r.Helper()
	to, err := url.Parse(r.url)
	r.must(err)
	through := httputil.NewSingleHostReverseProxy(to)
	var first sync.Once
	var late sync.WaitGroup
	gone, release := make(chan struct{}), make(chan struct{})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		breaks := false
		if strings.Contains(q.URL.Path, "/forcelogout/") {
			first.Do(func() { breaks = true })
		}
		if !breaks {
			through.ServeHTTP(w, q)
			return
		}
		again, err := http.NewRequestWithContext(r.ctx, q.Method, r.url+q.URL.Path, nil)
		if err != nil {
			r.Error(err)
			return
		}
		again.Header = q.Header.Clone()
		late.Go(func() {
			<-release
			if answer, err := http.DefaultClient.Do(again); err == nil {
				_ = answer.Body.Close()
			}
		})
		close(gone)
		panic(http.ErrAbortHandler) // the connection ends without an answer
	}))
	r.url = front.URL
	work = sync.OnceFunc(func() { close(release); late.Wait(); http.DefaultClient.CloseIdleConnections() })
	r.Cleanup(func() { work(); front.Close() })
	return gone, work
}

// TestCallGoesOn: a call without an answer goes on at the gateway, and works after the
// agent's state was asked. No end is stored that denies it.
func TestCallGoesOn(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		attempts  int
		pause     time.Duration // the longest between calls, zero for a second
		withdrawn bool
		second    []sim.Answer // of the gateway to a further call
		calls     int
	}{
		"withdrawn":                             {attempts: 4, withdrawn: true, calls: 1},
		"attempts used up":                      {attempts: 1, calls: 1},
		"the next failed":                       {attempts: 2, second: []sim.Answer{{Retcode: "900-002"}}, calls: 2},
		"withdrawn after a failure":             {attempts: 4, withdrawn: true, second: []sim.Answer{{Retcode: "900-002"}}, calls: 2},
		"withdrawn while it is with the server": {attempts: 4, pause: 5 * time.Second, withdrawn: true, second: []sim.Answer{{Retcode: "900-002"}}, calls: 2},
		"the next refused":                      {attempts: 4, second: []sim.Answer{{Retcode: "000-002", Effect: true}}, calls: 2},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			broken, work := r.impatient()
			r.sim.Plan("30001", c.second...)
			r.start(func(cfg *worker.Config) {
				cfg.CallTimeout = 5 * time.Second
				cfg.Retry = worker.Retry{MaxAttempts: c.attempts, Initial: time.Second, Max: max(time.Second, c.pause)}
			})
			r.send(order("x", "30001"))
			<-broken
			r.until("what comes next has come", func() bool { return r.calls("30001") >= c.calls-1 })
			if c.withdrawn {
				time.Sleep(200 * time.Millisecond) // with the server by now, if it is to be
				r.cancelAside("x")
			}
			r.until("the agent's state is asked", func() bool { return r.stateQueries("30001") > 0 })
			r.within(time.Second, func() bool { return r.streamState("RESULTS").Msgs > 0 || r.calls("30001") >= c.calls })
			work()
			got := r.awaitOne("x")
			if got.Outcome != messages.OutcomeAlreadySignedOut {
				t.Errorf("the agent was signed out, and the result is %+v", got)
			}
			if n := r.calls("30001"); n != c.calls {
				t.Errorf("the gateway saw %d calls, want %d", n, c.calls)
			}
		})
	}
}
