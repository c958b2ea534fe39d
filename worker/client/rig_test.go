package client_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/embedded"
	"github.com/forcelogout/forcelogout/worker/streams"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	prefix = messages.DefaultPrefix
	vcc    = messages.DefaultVCC
)

// rig is a NATS server with an installation's streams, and no worker.
type rig struct {
	testing.TB
	ctx    context.Context
	dir    string
	server *embedded.Server
	nc     *nats.Conn
	js     jetstream.JetStream
	client *client.Client
}

func newRig(t testing.TB) *rig {
	t.Helper()
	if testing.Short() {
		t.Skip("a NATS server of its own: not with -short")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	r := &rig{TB: t, ctx: ctx, dir: t.TempDir()}
	r.start("127.0.0.1:0")
	t.Cleanup(func() { r.stop() })
	var err error
	r.nc, err = nats.Connect(r.server.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	r.must(err)
	t.Cleanup(r.nc.Close)
	r.js, err = jetstream.New(r.nc)
	r.must(err)
	_, err = streams.Setup(ctx, r.js, streams.Plan{Prefix: prefix})
	r.must(err)
	r.client, err = client.New(r.nc, prefix)
	r.must(err)
	return r
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) start(addr string) {
	r.Helper()
	server, err := embedded.Start(r.dir, addr)
	r.must(err)
	r.server = server
}

func (r *rig) stop() {
	if r.server == nil {
		return
	}
	if err := r.server.Stop(context.Background()); err != nil {
		r.Error(err)
	}
	r.server = nil
}

// addr is where the server listens, to start it there again.
func (r *rig) addr() string { return strings.TrimPrefix(r.server.URL(), "nats://") }

func (r *rig) msgs(kind string) uint64 {
	r.Helper()
	stream, err := r.js.Stream(r.ctx, prefix.Stream(kind))
	r.must(err)
	return stream.CachedInfo().State.Msgs
}

// finish stores the result of a command, as a worker would.
func (r *rig) finish(vcc, workNo, id string, outcome messages.Outcome) {
	r.Helper()
	data, err := messages.Result{ID: id, VCC: vcc, WorkNo: workNo, Outcome: outcome, FinishedAt: time.Now()}.Encode()
	r.must(err)
	_, err = r.js.Publish(r.ctx, prefix.Result(vcc, workNo, id), data)
	r.must(err)
}

func order(id, workNo string) client.Order {
	return client.Order{VCC: vcc, Command: messages.Command{ID: id, WorkNo: workNo}}
}

func at(o client.Order, t time.Time) client.Order {
	o.At = t
	return o
}

func seq(orders ...client.Order) iter.Seq2[client.Order, error] {
	return func(yield func(client.Order, error) bool) {
		for _, o := range orders {
			if !yield(o, nil) {
				return
			}
		}
	}
}

// many are orders of as many agents.
func many(n int, change func(i int, o *client.Order)) iter.Seq2[client.Order, error] {
	return func(yield func(client.Order, error) bool) {
		for i := range n {
			o := order("m-"+strconv.Itoa(i), strconv.Itoa(1000+i%900_000))
			if change != nil {
				change(i, &o)
			}
			if !yield(o, nil) {
				return
			}
		}
	}
}

// publish hands orders in and returns the receipts.
func (r *rig) publish(orders ...client.Order) []client.Receipt {
	r.Helper()
	var all []client.Receipt
	r.must(r.client.Publish(r.ctx, 0, seq(orders...), func(got client.Receipt) { all = append(all, got) }))
	if len(all) != len(orders) {
		r.Fatalf("%d receipts for %d orders", len(all), len(orders))
	}
	return all
}

// tally counts receipts, and keeps an example of each.
type tally struct {
	states map[client.State]int
	failed map[string]int
}

func newTally() *tally { return &tally{map[client.State]int{}, map[string]int{}} }

func (c *tally) add(r client.Receipt) {
	c.states[r.State]++
	for name, is := range map[string]error{
		"ended": client.ErrEnded, "withdrawn": client.ErrWithdrawn, "taken": client.ErrTaken, "undecided": client.ErrUndecided, "not sent": client.ErrNotSent,
	} {
		if errors.Is(r.Err, is) {
			c.failed[name]++
		}
	}
}

func (c *tally) String() string { return fmt.Sprint(c.states, c.failed) }
