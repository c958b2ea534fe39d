package client_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
)

// ended stores n results, as workers would.
func (r *rig) ended(from, n int) {
	r.Helper()
	const together = 2000
	for i := range n {
		id := "e-" + strconv.Itoa(from+i)
		data, err := messages.Result{ID: id, VCC: vcc, WorkNo: "30012", Outcome: messages.OutcomeSignedOut}.Encode()
		r.must(err)
		_, err = r.js.PublishAsync(prefix.Result(vcc, "30012", id), data)
		r.must(err)
		if i%together != together-1 && i != n-1 {
			continue
		}
		select {
		case <-r.js.PublishAsyncComplete():
		case <-r.ctx.Done():
			r.Fatal("results are not stored")
		}
	}
}

// history reads all, and fails where one comes twice or out of order.
func (r *rig) history(each func(n int)) (n int, err error) {
	r.Helper()
	seen := map[string]bool{}
	_, err = r.client.History(r.ctx, func(p client.Past) {
		if p.Err != nil || seen[p.ID] || p.StoredAt.IsZero() {
			r.Errorf("read %+v", p)
		}
		seen[p.ID] = true
		n++
		if each != nil {
			each(n)
		}
	})
	return n, err
}

// TestHistory: a reading has what there was when it began, once each, and ends by itself.
func TestHistory(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if n, err := r.history(nil); n != 0 || err != nil {
		t.Errorf("an empty stream: %d results, %v", n, err)
	}
	const all = 9000
	r.ended(0, all)
	n, err := r.history(func(n int) {
		if n == 100 {
			r.ended(all, 100) // too late for this reading
		}
	})
	if n != all || err != nil {
		t.Errorf("%d results of %d, %v", n, all, err)
	}
	// The newest and one in the middle are removed, as by who sends a dead letter again.
	stream, err := r.js.Stream(r.ctx, prefix.Stream("RESULTS"))
	r.must(err)
	for _, seq := range []uint64{1, 50, all + 100} {
		r.must(stream.DeleteMsg(r.ctx, seq))
	}
	if n, err := r.history(nil); n != all+97 || err != nil {
		t.Errorf("%d results of %d, %v", n, all+97, err)
	}
	r.must(stream.Purge(r.ctx))
	if n, err := r.history(nil); n != 0 || err != nil {
		t.Errorf("a purged stream: %d results, %v", n, err)
	}
}

// TestHistoryTellsWhatIsUnreadable: what is no result is told, and ends no reading.
func TestHistoryTellsWhatIsUnreadable(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.finish(vcc, "30012", "a", messages.OutcomeSignedOut)
	_, err := r.js.Publish(r.ctx, prefix.Result(vcc, "30012", "b"), []byte("junk"))
	r.must(err)
	var bad, good int
	since, err := r.client.History(r.ctx, func(p client.Past) {
		if p.Err != nil {
			bad++
		} else {
			good++
		}
	})
	if good != 1 || bad != 1 || err != nil || !since.IsZero() {
		t.Errorf("%d results, %d unreadable, kept since %v, %v", good, bad, since, err)
	}
}

// TestHistoryTellsWhatHasAged: where results are removed for their age, a reading says
// since when it has all.
func TestHistoryTellsWhatHasAged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.finish(vcc, "30012", "a", messages.OutcomeSignedOut)
	stream, err := r.js.Stream(r.ctx, prefix.Stream("RESULTS"))
	r.must(err)
	cfg := stream.CachedInfo().Config
	r.must(stream.DeleteMsg(r.ctx, 1))
	since, err := r.client.History(r.ctx, func(client.Past) {})
	if age := time.Since(since) - cfg.MaxAge; err != nil || age < 0 || age > time.Hour {
		t.Errorf("kept since %v, want %v ago: %v", since, cfg.MaxAge, err)
	}
}

// TestHistoryOverRestart: a restart of NATS neither loses a result nor brings one twice.
func TestHistoryOverRestart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const all = 20_000
	r.ended(0, all)
	n, err := r.history(func(n int) {
		if n == 300 {
			addr := r.addr()
			r.stop()
			r.start(addr)
		}
	})
	if n != all || err != nil {
		t.Errorf("%d results of %d, %v", n, all, err)
	}
}

// TestHistoryCutShort: where NATS goes away in the middle, a reading is an error, and so
// it is where its context ends.
func TestHistoryCutShort(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const all = 20_000
	r.ended(0, all)
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	n := 0
	if _, err := r.client.History(ctx, func(client.Past) {
		if n++; n == 10 {
			cancel()
		}
	}); !errors.Is(err, context.Canceled) {
		t.Errorf("ended by the user after %d results: %v", n, err)
	}
	n, err := r.history(func(n int) {
		if n == 300 {
			r.stop()
		}
	})
	if n == all || err == nil || errors.Is(err, jetstream.ErrMsgIteratorClosed) {
		t.Errorf("%d results of %d, and %v", n, all, err)
	}
	t.Log(err)
}

// BenchmarkHistory reads a stream of many results.
func BenchmarkHistory(b *testing.B) {
	r := newRig(b)
	const all = 200_000
	r.ended(0, all)
	for b.Loop() {
		n := 0
		if _, err := r.client.History(r.ctx, func(client.Past) { n++ }); err != nil || n != all {
			b.Fatal(fmt.Errorf("%d results: %w", n, err))
		}
	}
	b.ReportMetric(float64(all)*float64(b.N)/b.Elapsed().Seconds(), "results/s")
}

// TestHistoryElection: a cluster loses the stream's leader in the middle of a reading, which
// has everything once all the same.
func TestHistoryElection(t *testing.T) {
	t.Parallel()
	const all = 20_000
	c := newCluster(t)
	c.ended(0, all)
	n, err := c.history(func(n int) {
		if n == 300 {
			stream, err := c.js.Stream(c.ctx, prefix.Stream("RESULTS"))
			c.must(err)
			for i := range c.nodes {
				if stream.CachedInfo().Cluster.Leader == nodeName(i) {
					c.nodes[i].Shutdown()
				}
			}
		}
	})
	if n != all || err != nil {
		t.Errorf("%d results of %d, %v", n, all, err)
	}
}
