package worker_test

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/admin"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/session"
)

const answersHere = "forcelogout.replies.here"

// TestLedgerBeforeEachCall: another worker's result comes while a call is under way,
// which is to be repeated. It is not.
func TestLedgerBeforeEachCall(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	release := r.sim.Hold()
	r.sim.Plan("30001", sim.Answer{Retcode: "000-004"})
	r.start(nil)
	r.send(order("x", "30001"))
	r.must(r.sim.AwaitInFlight(r.ctx, 1))
	r.storeResult("x", "30001")
	release()
	r.idle()
	if n := r.calls("30001"); n != 1 {
		t.Errorf("the gateway saw %d calls, want 1", n)
	}
}

// TestLoserIsSilent: only the worker whose result the stream took counts, logs and
// answers it.
func TestLoserIsSilent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	replies, err := r.nc.SubscribeSync(answersHere)
	r.must(err)
	log, metrics := &lines{}, admin.NewMetrics(vcc)
	release := r.sim.Hold()
	r.start(func(c *worker.Config) {
		c.Metrics, c.Log = metrics, slog.New(slog.NewTextHandler(log, nil))
	})
	x := order("x", "30001")
	x.ReplyTo = answersHere
	r.send(x)
	r.must(r.sim.AwaitInFlight(r.ctx, 1))
	r.storeResult("x", "30001")
	release()
	r.idle()
	r.must(r.nc.Flush()) // what came before the acknowledgement has come here
	if n, _, _ := replies.Pending(); n != 0 {
		t.Errorf("%d replies", n)
	}
	if n := r.counted(metrics); n != 0 {
		t.Errorf("%d results are counted", n)
	}
	for _, line := range log.all() {
		if strings.Contains(line, "command ended") {
			t.Errorf("logged: %s", line)
		}
	}
}

// TestOneSpeaksOfExpired: several workers find commands expired at the same time, and
// one speaks of each.
func TestOneSpeaksOfExpired(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	replies, err := r.nc.SubscribeSync(answersHere)
	r.must(err)
	var all []*admin.Metrics
	for i := range 3 {
		metrics := admin.NewMetrics(vcc)
		all = append(all, metrics)
		r.start(func(c *worker.Config) { // without a session it pulls nothing
			c.Instance = fmt.Sprint("w", i) // results of one millisecond would be equal else
			c.Metrics, c.Inspectors = metrics, []session.Account{{Inspector: inspector, Shared: true}}
		})
	}
	const commands = 300
	orders := crew(0, commands)
	for i := range orders {
		orders[i].ExpiresAt, orders[i].ReplyTo = time.Now().Add(1500*time.Millisecond), answersHere
	}
	r.send(orders...)
	r.await(commands)
	r.idle()
	r.within(2*time.Second, func() bool { // a loser finds out a moment later
		n, _, _ := replies.Pending()
		return n > commands
	})
	total := 0
	for _, metrics := range all {
		total += r.counted(metrics)
	}
	if n, _, _ := replies.Pending(); n != commands || total != commands {
		t.Errorf("%d replies and %d counted results, want %d", n, total, commands)
	}
}

// counted is how many results a worker's metrics have.
func (r *rig) counted(metrics *admin.Metrics) (n int) {
	r.Helper()
	for line := range strings.Lines(r.scrape(metrics)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "} "); ok && strings.HasPrefix(name, "forcelogout_results_total{") {
			count, err := strconv.Atoi(value)
			r.must(err)
			n += count
		}
	}
	return n
}
