package worker_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/session"
)

// noSession makes a worker that can execute nothing.
func noSession(c *worker.Config) {
	c.Inspectors = []session.Account{{Inspector: inspector, Shared: true}}
	c.Log = slog.New(slog.DiscardHandler)
}

// TestExpiryReadOnce: while a backlog waits that nobody can execute and its commands
// expire one after the other, a command is read when it comes and when it is due.
func TestExpiryReadOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const commands, late = 5000, 100
	var orders []messages.Command
	first := time.Now().Add(8 * time.Second)
	for i := range commands {
		o := order("id-"+agentNo(i), agentNo(i))
		o.ExpiresAt = time.Now().Add(time.Hour)
		if i%(commands/late) == 0 { // all over the stream
			o.ExpiresAt = first.Add(time.Duration(i) * time.Millisecond)
		}
		orders = append(orders, o)
	}
	r.send(orders...)
	nc := r.connect()
	r.startAt(nc, noSession)
	for r.streamState("RESULTS").Msgs < late {
		if r.ctx.Err() != nil {
			t.Fatalf("%d of %d have expired", r.streamState("RESULTS").Msgs, late)
		}
		r.tick()
	}
	// The client counts each message of a batch twice.
	if n := nc.Stats().InMsgs; n > 3*commands {
		t.Errorf("%d messages were read to end %d of %d commands", n, late, commands)
	}
	for id, got := range r.await(late) {
		if got.Outcome != messages.OutcomeExpired || got.Cause != messages.CauseExpiredBeforeAttempt {
			t.Errorf("%s: result %+v", id, got)
		}
	}
}

// TestExpiryByOne: of several workers that cannot execute anything, one ends what
// expires; when it stops, another does.
func TestExpiryByOne(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var crew []running
	for i := range 3 {
		crew = append(crew, r.start(func(c *worker.Config) { noSession(c); c.Instance = fmt.Sprint("w", i) }))
	}
	sent := 0
	byWorker := func() map[string]int {
		var orders []messages.Command
		for range 60 {
			sent++
			o := order(fmt.Sprint("id-", sent), agentNo(sent))
			o.ExpiresAt = time.Now().Add(time.Duration(3000+50*len(orders)) * time.Millisecond)
			orders = append(orders, o)
		}
		r.send(orders...)
		counts := map[string]int{}
		for _, got := range r.await(sent) {
			counts[got.Worker]++
		}
		return counts
	}
	before := byWorker()
	if len(before) != 1 {
		t.Fatalf("results by worker: %v, want those of one", before)
	}
	for i, w := range crew {
		if before[fmt.Sprint("w", i)] > 0 {
			w.stop()
		}
	}
	if after := byWorker(); len(after) != 2 {
		t.Errorf("results by worker: %v, want those of two in all", after)
	}
}

// TestExpiryBehindPoison: what lies before a command in the stream and is no command does
// not keep the command from expiring on time: neither what imitates in its headers what
// the server says, nor what is large.
func TestExpiryBehindPoison(t *testing.T) {
	t.Parallel()
	for name, poison := range map[string]struct {
		header nats.Header
		size   int
		number int
	}{
		"ends a page":   {nats.Header{"Status": {"204"}, "Description": {"EOB"}, "Nats-Num-Pending": {"0"}}, 0, 1},
		"says no more":  {nats.Header{"Status": {"404"}}, 0, 1},
		"other numbers": {nats.Header{"Nats-Sequence": {"x"}, "Nats-Stream": {"x"}, "Nats-Time-Stamp": {"x"}, "Nats-Subject": {"x"}}, 10, 1},
		// More than a server sends at a time.
		"large": {nil, 1000 << 10, 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			soon := order("id-first", agentNo(1))
			soon.ExpiresAt = time.Now().Add(4 * time.Second)
			r.send(soon)
			for range poison.number {
				r.publish(poison.header, make([]byte, poison.size))
			}
			soon.ID, soon.WorkNo = "id-last", agentNo(2)
			r.send(soon)
			r.start(noSession)
			for id, got := range r.await(2) {
				if got.Outcome != messages.OutcomeExpired {
					t.Errorf("%s: result %+v", id, got)
				}
			}
		})
	}
}
