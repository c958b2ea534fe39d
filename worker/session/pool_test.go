package session

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

const someGUID = "11111111-2222-4333-8444-555555555555.AgentGateway1"

// newTestPool has inspectors 1001 to 100n with given sessions: no call is made.
func newTestPool(t *testing.T, concurrency, n int) *Pool {
	t.Helper()
	var accounts []Account
	for i := range n {
		accounts = append(accounts, Account{Inspector: fmt.Sprint(1001 + i), GUID: someGUID})
	}
	p, err := NewPool(t.Context(), Config{
		Prefix: messages.DefaultPrefix, VCC: "v", Instance: "w", Concurrency: concurrency, Log: slog.New(slog.DiscardHandler),
	}, accounts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func take(t *testing.T, p *Pool, w Wish) *Use {
	t.Helper()
	use, err := p.Take(Stop{}, w)
	if err != nil {
		t.Fatal(err)
	}
	return use
}

// TestTakeUrgent: whose time is shortest is served first, and nobody while calls
// are halted.
func TestTakeUrgent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, 1, 1)
		first := take(t, p, Wish{})
		served := make(chan int, 3)
		for _, minutes := range []int{3, 1, 2} {
			go func() {
				use, err := p.Take(Stop{}, Wish{By: time.Now().Add(time.Duration(minutes) * time.Minute)})
				if err != nil {
					t.Error(err)
					return
				}
				served <- minutes
				use.Done(Report{Accepted: true})
			}()
			synctest.Wait()
		}
		first.Done(Report{Accepted: true})
		for want := range 3 {
			if got := <-served; got != want+1 {
				t.Errorf("served who has %d minutes, want %d", got, want+1)
			}
		}
		p.Limit(0)
		if _, err := p.Take(Stop{}, Wish{}); !errors.Is(err, ErrHalted) {
			t.Errorf("halted, and Take says %v", err)
		}
		p.Limit(1)
		take(t, p, Wish{}).Done(Report{Accepted: true})
	})
}

// TestTakeOrder: who waits longest is served first, and nobody for whom there is
// no inspector holds up the others.
func TestTakeOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, 1, 2)
		first := take(t, p, Wish{})
		served := make(chan int, 3)
		for i := range 3 {
			go func() {
				use, err := p.Take(Stop{}, Wish{})
				if err != nil {
					t.Error(err)
					return
				}
				served <- i
				use.Done(Report{Accepted: true})
			}()
			synctest.Wait()
		}
		first.Done(Report{Accepted: true})
		for want := range 3 {
			if got := <-served; got != want {
				t.Errorf("number %d was served, want %d", got, want)
			}
		}
		if p.InFlight() != 0 {
			t.Errorf("%d in flight", p.InFlight())
		}
	})
}

// TestTakeFree: who wishes an inspector that is free does not wait behind those who wish
// one that is busy.
func TestTakeFree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, 2, 2)
		busy := Wish{Inspector: "1001"}
		take(t, p, busy).Done(Report{Busy: true}) // one call at a time from now on
		first := take(t, p, busy)
		served := make(chan struct{})
		go func() { take(t, p, busy).Done(Report{}); close(served) }()
		synctest.Wait()
		stop := Stop{At: time.Now().Add(time.Minute)}
		for _, wish := range []Wish{{Inspector: "1002"}, {}} {
			use, err := p.Take(stop, wish)
			if err != nil || use.Inspector != "1002" {
				t.Fatalf("wish %+v: %+v, %v", wish, use, err)
			}
			use.Done(Report{Accepted: true})
		}
		first.Done(Report{})
		<-served
	})
}

// TestTakeRefused: a wish that cannot come true is an error at once.
func TestTakeRefused(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, 4, 1)
	for name, c := range map[string]struct {
		wish Wish
		want error
	}{
		"itself":  {Wish{WorkNo: "1001"}, ErrItself},
		"unknown": {Wish{Inspector: "1009"}, ErrUnknown},
	} {
		if use, err := p.Take(Stop{}, c.wish); use != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTakeWithdrawn: a waiter that gives up leaves its place and no use behind.
func TestTakeWithdrawn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, 1, 1)
		first := take(t, p, Wish{})
		done := make(chan struct{})
		ended := make(chan error)
		go func() { _, err := p.Take(Stop{Gone: done}, Wish{}); ended <- err }()
		synctest.Wait()
		close(done)
		if err := <-ended; !errors.Is(err, ErrStopped) {
			t.Error(err)
		}
		first.Done(Report{})
		take(t, p, Wish{}).Done(Report{})
	})
}

// TestLimit: 000-007 halves the calls at once, once for all calls under way
// together; they come back by one a second.
func TestLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, 16, 1)
		atOnce := func() (uses []*Use) {
			for {
				p.mu.Lock()
				use, err := p.grant(Wish{})
				p.mu.Unlock()
				if err != nil {
					t.Fatal(err)
				}
				if use == nil {
					return uses
				}
				uses = append(uses, use)
			}
		}
		finish := func(uses []*Use, r Report) int {
			for _, use := range uses {
				use.Done(r)
			}
			return len(uses)
		}
		for _, want := range []int{16, 8, 4} {
			uses := atOnce()
			time.Sleep(time.Millisecond)
			if n := finish(uses, Report{Busy: true}); n != want {
				t.Fatalf("%d calls at once, want %d", n, want)
			}
		}
		for want := 2; want < 16; want++ {
			uses := atOnce()
			time.Sleep(time.Second)
			if n := finish(uses, Report{Accepted: true}); n != want {
				t.Fatalf("%d calls at once, want %d", n, want)
			}
		}
	})
}

// TestRight: an inspector is taken out of use only when many agents over some time
// say the same, and trials bring it back.
func TestRight(t *testing.T) {
	t.Parallel()
	refuse := func(p *Pool, agents int, between time.Duration) {
		for i := range agents {
			use, err := p.Take(Stop{}, Wish{})
			if err != nil {
				return
			}
			use.Done(Report{NoRight: true, WorkNo: fmt.Sprint(30001 + i)})
			time.Sleep(between)
		}
	}
	cases := map[string]struct {
		happens func(*Pool)
		want    error
	}{
		"many at once":       {func(p *Pool) { refuse(p, 100, 0) }, nil},
		"few over a minute":  {func(p *Pool) { refuse(p, barAgents-1, 6*time.Second) }, nil},
		"many over a minute": {func(p *Pool) { refuse(p, 60, time.Second) }, ErrDown},
		"one of them worked": {func(p *Pool) {
			refuse(p, barAgents-1, time.Second)
			use, err := p.Take(Stop{}, Wish{})
			if err == nil {
				use.Done(Report{Accepted: true})
			}
			refuse(p, barAgents-1, time.Second)
		}, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newTestPool(t, 4, 1)
				c.happens(p)
				if err := p.Possible(Wish{}); !errors.Is(err, c.want) {
					t.Fatalf("possible says %v, want %v", err, c.want)
				}
				if c.want == nil {
					return
				}
				trials := 0
				for range 600 {
					time.Sleep(time.Second)
					if use, err := p.Take(Stop{}, Wish{}); err == nil {
						trials++
						use.Done(Report{NoRight: true, WorkNo: "30001"})
					}
				}
				if trials < 10 || trials > 16 {
					t.Errorf("%d trials in ten minutes", trials)
				}
				time.Sleep(lastProbe)
				take(t, p, Wish{}).Done(Report{Accepted: true})
				if err := p.Possible(Wish{}); err != nil {
					t.Errorf("granted again, possible says %v", err)
				}
			})
		})
	}
}

// TestOutdone: three agents that another inspector could sign out are enough.
func TestOutdone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, 4, 2)
		for i := range barInstead {
			agent := fmt.Sprint(30001 + i)
			take(t, p, Wish{Inspector: "1001", WorkNo: agent}).Done(Report{NoRight: true, WorkNo: agent})
			take(t, p, Wish{WorkNo: agent, Avoid: "1001"}).Done(Report{Accepted: true, WorkNo: agent, Instead: "1001"})
		}
		if usable, problem := p.Ready(); !usable || !errors.Is(problem, errNoRight) {
			t.Errorf("ready: %v, %v", usable, problem)
		}
		if err := p.Possible(Wish{Inspector: "1001"}); !errors.Is(err, ErrDown) {
			t.Errorf("possible says %v", err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.inspectors[0].right.stop()
	})
}

// TestPace: how soon sign-ins are repeated.
func TestPace(t *testing.T) {
	t.Parallel()
	c := Config{LockRetry: 30 * time.Minute}
	for pace, want := range map[pace]time.Duration{soon(): 30 * time.Second, taken(): time.Minute, c.rarely(): 30 * time.Minute} {
		if d := pace.delay(100); d != want {
			t.Errorf("longest pause %v, want %v", d, want)
		}
	}
}

// TestParseRecord: what other programs may write, and that nothing of it shows.
func TestParseRecord(t *testing.T) {
	t.Parallel()
	for _, text := range []string{someGUID, someGUID + "\n", "JSESSIONID=" + someGUID, `{"guid":"` + someGUID + `"}`, `{"guid":"` + someGUID + `","more":1}`} {
		if r, err := parseRecord([]byte(text)); err != nil || r.GUID != someGUID {
			t.Errorf("%q: %+v, %v", text, r, err)
		}
	}
	for _, text := range []string{"two words", `{"guid":`, `{"guid":"two words"}`, `{"guid":7}`} {
		if _, err := parseRecord([]byte(text)); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}
