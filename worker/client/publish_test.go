package client_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// TestPublishTruth: what a publisher is told of a command is what has become of it,
// whatever was there under its id.
func TestPublishTruth(t *testing.T) {
	t.Parallel()
	hour := time.Now().Add(time.Hour).Truncate(time.Second)
	notBefore := order("a", "30001")
	notBefore.Command.NotBefore = hour
	reworded := at(order("a", "30001"), hour)
	reworded.Command.Reason = "overtime"
	cases := map[string]struct {
		before  func(*rig)
		orders  []client.Order
		state   client.State // of the last
		err     error
		whose   string // agent under the id
		stored  uint64
		because string
	}{
		"new":                   {orders: []client.Order{order("a", "30001")}, state: client.Stored, stored: 1},
		"the same again":        {orders: []client.Order{order("a", "30001"), order("a", "30001")}, state: client.There, whose: "30001", stored: 1},
		"for another agent":     {orders: []client.Order{order("a", "30001"), order("a", "30002")}, state: client.There, err: client.ErrTaken, whose: "30001", stored: 1, because: "agent 30001"},
		"for another VCC":       {orders: []client.Order{order("a", "30001"), {VCC: "other", Command: messages.Command{ID: "a", WorkNo: "30001"}}}, state: client.Stored, stored: 2},
		"at another time":       {orders: []client.Order{order("a", "30001"), notBefore}, state: client.There, err: client.ErrTaken, whose: "30001", stored: 1, because: "not before none"},
		"for later":             {orders: []client.Order{at(order("a", "30001"), hour)}, state: client.Stored, stored: 1},
		"for later, again":      {orders: []client.Order{at(order("a", "30001"), hour), at(order("a", "30001"), hour)}, state: client.There, whose: "30001", stored: 1},
		"for later, moved":      {orders: []client.Order{at(order("a", "30001"), hour), at(order("a", "30001"), hour.Add(time.Hour))}, state: client.Stored, stored: 1},
		"for later, reworded":   {orders: []client.Order{at(order("a", "30001"), hour), reworded}, state: client.Stored, stored: 1},
		"for later, another":    {orders: []client.Order{at(order("a", "30001"), hour), at(order("a", "30002"), hour)}, state: client.There, err: client.ErrTaken, whose: "30001", stored: 1},
		"ended":                 {before: func(r *rig) { r.finish(vcc, "30001", "a", messages.OutcomeSignedOut) }, orders: []client.Order{order("a", "30001")}, state: client.There, err: client.ErrEnded, whose: "30001", because: "signed_out"},
		"ended, for later":      {before: func(r *rig) { r.finish(vcc, "30001", "a", messages.OutcomeFailed) }, orders: []client.Order{at(order("a", "30001"), hour)}, state: client.There, err: client.ErrEnded, whose: "30001", because: "failed"},
		"withdrawn":             {before: withdrawn, orders: []client.Order{at(order("a", "30001"), hour)}, state: client.Refused, err: client.ErrWithdrawn, stored: 1},
		"no agent":              {orders: []client.Order{order("a", "7")}, state: client.Refused, because: "workNo"},
		"no VCC":                {orders: []client.Order{{VCC: "a.b", Command: messages.Command{ID: "a", WorkNo: "30001"}}}, state: client.Refused, because: "vcc"},
		"without VCC and id":    {orders: []client.Order{{Command: messages.Command{WorkNo: "30001"}}}, state: client.Stored, stored: 1},
		"ends before it begins": {orders: []client.Order{at(client.Order{Command: messages.Command{WorkNo: "30001", ExpiresAt: hour}}, hour)}, state: client.Refused, because: "expiresAt"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			if c.before != nil {
				c.before(r)
			}
			for _, together := range []bool{false, true} {
				if together {
					r = newRig(t)
					if c.before != nil {
						c.before(r)
					}
				}
				var all []client.Receipt
				if together {
					all = r.publish(c.orders...)
				} else {
					for _, o := range c.orders {
						all = append(all, r.publish(o)...)
					}
				}
				got := all[len(all)-1]
				if got.State != c.state || c.err == nil && c.because == "" && got.Err != nil || c.err != nil && !errors.Is(got.Err, c.err) {
					t.Errorf("together %v: %s, %v", together, got.State, got.Err)
				}
				if c.because != "" && (got.Err == nil || !strings.Contains(got.Err.Error(), c.because)) {
					t.Errorf("together %v: error %v, want %q", together, got.Err, c.because)
				}
				if c.whose != "" && (got.There == nil || got.There.WorkNo() != c.whose) {
					t.Errorf("together %v: the id is there for %+v, want %s", together, got.There, c.whose)
				}
				if n := r.msgs("COMMANDS"); n != c.stored {
					t.Errorf("together %v: %d commands are stored, want %d", together, n, c.stored)
				}
			}
		})
	}
}

// withdrawn leaves a command that was for later, and was withdrawn.
func withdrawn(r *rig) {
	r.publish(at(order("a", "30001"), time.Now().Add(time.Hour)))
	got := r.cancel(client.Selection{IDs: []string{"a"}})
	if got["a"].Answer != client.Cancelled {
		r.Fatalf("withdrawn: %+v", got)
	}
	for r.msgs("COMMANDS") != 1 { // its schedule has fired
		time.Sleep(10 * time.Millisecond)
	}
}

// TestPublishRestart: the server restarts in the middle of 100,000 commands. All are
// stored, once, and called stored.
func TestPublishRestart(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(int, *client.Order){
		"at once": nil, "for later": func(_ int, o *client.Order) { o.At = time.Date(2126, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const n = 100_000
			r := newRig(t)
			addr := r.addr()
			got, restarted := newTally(), make(chan struct{})
			seen := 0
			err := r.client.Publish(r.ctx, time.Minute, many(n, change), func(receipt client.Receipt) {
				got.add(receipt)
				if receipt.Err != nil && len(got.failed) < 3 {
					t.Logf("%s: %v", receipt.State, receipt.Err)
				}
				if seen++; seen == n/3 {
					go func() {
						defer close(restarted)
						r.stop()
						r.start(addr)
					}()
				}
			})
			r.must(err)
			<-restarted
			if got.states[client.Stored] != n || r.msgs("COMMANDS") != n {
				t.Errorf("%v, %d in the stream", got, r.msgs("COMMANDS"))
			}
		})
	}
}

// TestPublishGone: the server goes away for good. The call ends, every order has its
// receipt, and none is called stored that was not.
func TestPublishGone(t *testing.T) {
	t.Parallel()
	const n = 20_000
	r := newRig(t)
	got, seen := newTally(), 0
	addr := r.addr()
	gone := make(chan struct{})
	err := r.client.Publish(r.ctx, 2*time.Second, many(n, nil), func(receipt client.Receipt) {
		got.add(receipt)
		if seen++; seen == n/2 {
			go func() { defer close(gone); r.stop() }()
		}
	})
	<-gone
	if err == nil || !strings.Contains(err.Error(), "has stored nothing for 2s") {
		t.Errorf("error %v", err)
	}
	r.start(addr)
	stored := got.states[client.Stored]
	if stored+got.states[client.Undecided] != n || got.failed["undecided"]+got.failed["not sent"] != got.states[client.Undecided] {
		t.Errorf("%v", got)
	}
	if have := int(r.msgs("COMMANDS")); have < stored || have > stored+got.failed["undecided"] {
		t.Errorf("%d in the stream, %v", have, got)
	}
	// The same again settles it.
	again := newTally()
	r.must(r.client.Publish(r.ctx, 0, many(n, nil), again.add))
	if again.states[client.Stored]+again.states[client.There] != n || r.msgs("COMMANDS") != n || len(again.failed) > 0 {
		t.Errorf("again: %v, %d in the stream", again, r.msgs("COMMANDS"))
	}
}

// TestPublishInterrupted: whoever ends the call is told what became of every order.
func TestPublishInterrupted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx, stop := context.WithCancel(r.ctx)
	got, seen := newTally(), 0
	err := r.client.Publish(ctx, 0, many(20_000, nil), func(receipt client.Receipt) {
		got.add(receipt)
		if seen++; seen == 5_000 {
			stop()
		}
	})
	if !errors.Is(err, context.Canceled) || seen != 20_000 || got.states[client.Stored] < 5_000 || got.states[client.Undecided] == 0 {
		t.Errorf("%v, %v", got, err)
	}
	if have := int(r.msgs("COMMANDS")); have < got.states[client.Stored] {
		t.Errorf("%d in the stream, %v", have, got)
	}
}

// TestPublishAtOnce: several calls share a client, and the same orders.
func TestPublishAtOnce(t *testing.T) {
	t.Parallel()
	const calls, n = 8, 3000
	r := newRig(t)
	tallies := make([]*tally, calls)
	var all sync.WaitGroup
	for i := range calls {
		tallies[i] = newTally()
		all.Go(func() {
			if err := r.client.Publish(r.ctx, 0, many(n, func(i int, o *client.Order) {
				if i%2 == 0 {
					o.At = time.Date(2126, 1, 1, 0, 0, 0, 0, time.UTC)
				}
			}), tallies[i].add); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	stored := 0
	for _, got := range tallies {
		stored += got.states[client.Stored]
		if len(got.failed) > 0 || got.states[client.Stored]+got.states[client.There] != n {
			t.Error(got)
		}
	}
	if stored != n || r.msgs("COMMANDS") != n {
		t.Errorf("%d called stored, %d are", stored, r.msgs("COMMANDS"))
	}
}

// limited runs a server with a configuration of its own.
func limited(t *testing.T, config string) *nats.Conn {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	opts, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	opts.Host, opts.Port, opts.StoreDir, opts.NoSigs, opts.NoLog = "127.0.0.1", server.RANDOM_PORT, t.TempDir(), true, true
	ns, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(10 * time.Second) {
		t.Fatal("nats-server did not start")
	}
	connect := func(user string) *nats.Conn {
		nc, err := nats.Connect(ns.ClientURL(), nats.UserInfo(user, "x"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		return nc
	}
	js, err := jetstream.New(connect("admin"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := streams.Setup(context.Background(), js, streams.Plan{Prefix: prefix}); err != nil {
		t.Fatal(err)
	}
	return connect("some")
}

// TestPublishForbidden: what is forbidden ends within seconds and names the subject.
func TestPublishForbidden(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		permissions, subject string
		state                client.State
	}{
		"to publish": {`publish: {deny: "forcelogout.commands.default"}`, `publish to "forcelogout.commands.default"`, client.Refused},
		"to ask":     {`publish: {deny: "$JS.API.DIRECT.GET.>"}`, `publish to "$JS.API.DIRECT.GET.FORCELOGOUT_`, client.Refused},
		"the inbox":  {`subscribe: {deny: "_INBOX.>"}`, `subscribe to "_INBOX.`, client.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nc := limited(t, fmt.Sprintf(`jetstream: {}, authorization: {users: [{user: admin, password: x}, {user: some, password: x, permissions: {%s}}]}`, c.permissions))
			cl, err := client.New(nc, prefix)
			if err != nil {
				t.Fatal(err)
			}
			begin, got := time.Now(), newTally()
			var last client.Receipt
			err = cl.Publish(context.Background(), 0, many(3000, nil), func(receipt client.Receipt) { got.add(receipt); last = receipt })
			if got.states[c.state] != 3000 || last.Err == nil || !strings.Contains(last.Err.Error(), c.subject) {
				t.Errorf("%v, %v, %v", got, last.Err, err)
			}
			if took := time.Since(begin); took > 30*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestPublishFull: a server that has no room says so, and nothing is called stored.
func TestPublishFull(t *testing.T) {
	t.Parallel()
	nc := limited(t, `jetstream: {max_file_store: 200KB}, authorization: {users: [{user: admin, password: x}, {user: some, password: x}]}`)
	cl, err := client.New(nc, prefix)
	if err != nil {
		t.Fatal(err)
	}
	got := newTally()
	var last client.Receipt
	if err := cl.Publish(context.Background(), 10*time.Second, many(5000, nil), func(receipt client.Receipt) { got.add(receipt); last = receipt }); err != nil {
		t.Error(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(context.Background(), prefix.Stream("COMMANDS"))
	if err != nil {
		t.Fatal(err)
	}
	if n := int(stream.CachedInfo().State.Msgs); got.states[client.Stored] != n || got.states[client.Refused] != 5000-n || n == 0 {
		t.Errorf("%v, %d in the stream, last %v", got, n, last.Err)
	}
}

// TestPublishNotSetUp: without streams, nothing hangs.
func TestPublishNotSetUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cl, err := client.New(r.nc, "elsewhere")
	r.must(err)
	if err := cl.Submit(r.ctx, vcc, []messages.Command{{ID: "a", WorkNo: "30001"}}); !errors.Is(err, client.ErrNotSetUp) {
		t.Error(err)
	}
}
