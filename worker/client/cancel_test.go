package client_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
)

func (r *rig) cancel(which client.Selection) map[string]client.Withdrawal {
	r.Helper()
	all := map[string]client.Withdrawal{}
	r.must(r.client.Cancel(r.ctx, vcc, which, messages.Cancellation{At: time.Now()}, time.Second, func(w client.Withdrawal) {
		if _, twice := all[w.ID]; twice {
			r.Errorf("two answers for %s", w.ID)
		}
		all[w.ID] = w
	}))
	return all
}

// plan stores orders for later and for now, of two shifts.
func (r *rig) plan(n int, day time.Time) {
	r.Helper()
	got := newTally()
	r.must(r.client.Publish(r.ctx, 0, many(n, func(i int, o *client.Order) {
		o.Command.Meta = map[string]string{"shift": "S-" + strconv.Itoa(i%5)}
		if i%10 != 3 {
			o.At = day.Add(time.Duration(i%3) * 24 * time.Hour)
		}
	}), got.add))
	if got.states[client.Stored] != n {
		r.Fatal(got)
	}
}

// idsOf are the ids of planned orders.
func idsOf(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = "m-" + strconv.Itoa(i)
	}
	return ids
}

// TestCancelMany: by what commands are, one pass finds them all, and nothing else.
func TestCancelMany(t *testing.T) {
	t.Parallel()
	const n = 20_000
	day := time.Now().Add(48 * time.Hour).Truncate(24 * time.Hour)
	for name, c := range map[string]struct {
		which client.Selection
		want  int
	}{
		"a shift":         {client.Selection{Shift: "S-1"}, n / 5},
		"a day":           {client.Selection{From: day, Until: day.Add(24 * time.Hour)}, n * 3 / 10},
		"a shift's day":   {client.Selection{Shift: "S-1", From: day, Until: day.Add(24 * time.Hour)}, n / 15},
		"an agent":        {client.Selection{WorkNo: "1007"}, 1},
		"an agent's now":  {client.Selection{WorkNo: "1003"}, 1},
		"nobody":          {client.Selection{WorkNo: "999999"}, 0},
		"nobody's shift":  {client.Selection{WorkNo: "1001", Shift: "S-2"}, 0},
		"ids, some wrong": {client.Selection{IDs: []string{"m-1", "m-3", "m-1", "never", "m-13"}}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.plan(n, day)
			got := r.cancel(c.which)
			if len(got) < c.want-1 || len(got) > c.want+1 {
				t.Errorf("%d answers, want %d", len(got), c.want)
			}
			for id, w := range got {
				if want := client.Cancelled; w.Answer != want && id != "never" || id == "never" && w.Answer != client.Unknown {
					t.Fatalf("%s: %v", id, w)
				}
			}
		})
	}
}

// TestCancelInOtherWords: a shift is found however a publisher has written its name.
func TestCancelInOtherWords(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i, name := range []string{`"A&B \"é\""`, `"A\u0026B \u0022é\u0022"`, `"\u0041&B \"\u00e9\""`, `"A&B"`} {
		_, err := r.js.PublishMsg(r.ctx, &nats.Msg{
			Subject: prefix.Schedule(vcc, fmt.Sprint("id-", i)),
			Data:    fmt.Appendf(nil, `{"id":"id-%d","workNo":"3000%d","meta":{"shift":%s}}`, i, i, name),
		}, jetstream.WithScheduleAt(time.Now().Add(time.Hour)), jetstream.WithScheduleTarget(prefix.Commands(vcc)))
		r.must(err)
	}
	got := r.cancel(client.Selection{Shift: `A&B "é"`})
	if len(got) != 3 || got["id-3"].Answer != "" {
		t.Errorf("withdrawn: %v", got)
	}
}

// TestCancelAmongPoison: 100 MB that are no commands are in the way.
func TestCancelAmongPoison(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	poison := make([]byte, 900<<10)
	for range 110 {
		_, err := r.js.Publish(r.ctx, prefix.Commands(vcc), poison)
		r.must(err)
	}
	a, b := order("a", "30001"), order("b", "30002")
	a.Command.Meta = map[string]string{"shift": "S-18"}
	r.publish(a, b)
	if got := r.cancel(client.Selection{Shift: "S-18"}); len(got) != 1 || got["a"].Answer != client.Cancelled {
		t.Errorf("by shift: %v", got)
	}
	if got := r.cancel(client.Selection{IDs: []string{"b"}}); got["b"].Answer != client.Cancelled {
		t.Errorf("by id: %v", got)
	}
}

// TestCancelShortQueue: how many messages the publisher's connection lets wait for a
// reader is no limit for what can be found.
func TestCancelShortQueue(t *testing.T) {
	t.Parallel()
	const n = 20_000
	r := newRig(t)
	r.plan(n, time.Now().Add(48*time.Hour))
	nc, err := nats.Connect(r.server.URL(), nats.SyncQueueLen(100))
	r.must(err)
	t.Cleanup(nc.Close)
	r.client, err = client.New(nc, prefix)
	r.must(err)
	if got := r.cancel(client.Selection{Shift: "S-1"}); len(got) != n/5 {
		t.Errorf("%d answers, want %d", len(got), n/5)
	}
}

// TestLetters: a slow reader, and large ones, get every letter.
func TestLetters(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ letters, size int }{"many": {20_000, 100}, "large": {150, 1000 << 10}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			for i := range c.letters {
				_, err := r.js.PublishAsync(prefix.Dead(vcc), append(fmt.Appendf(nil, `{"id":"l-%d",`, i), make([]byte, c.size)...))
				r.must(err)
				if i%50 == 49 {
					<-r.js.PublishAsyncComplete()
				}
			}
			<-r.js.PublishAsyncComplete()
			seen := uint64(0)
			r.must(r.client.Letters(r.ctx, "", func(l client.Letter) bool {
				seen++
				if l.Sequence != seen {
					t.Fatalf("letter %d after %d", l.Sequence, seen-1)
				}
				if seen == 100 {
					time.Sleep(6 * time.Second) // longer than any answer may take
				}
				return true
			}))
			if seen != uint64(c.letters) {
				t.Errorf("%d letters of %d", seen, c.letters)
			}
		})
	}
}

// TestCancelRestart: a server that restarts in the middle costs time, and no answer.
func TestCancelRestart(t *testing.T) {
	t.Parallel()
	const n = 20_000
	r := newRig(t)
	r.plan(n, time.Now().Add(48*time.Hour))
	addr, restarted, seen := r.addr(), make(chan struct{}), map[string]client.Withdrawn{}
	err := r.client.Cancel(r.ctx, vcc, client.Selection{IDs: idsOf(n)}, messages.Cancellation{At: time.Now()}, time.Second, func(w client.Withdrawal) {
		if seen[w.ID] != "" {
			t.Errorf("two answers for %s", w.ID)
		}
		if seen[w.ID] = w.Answer; w.Answer != client.Cancelled {
			t.Errorf("%s: %v", w.ID, w)
		}
		if len(seen) == n/4 {
			go func() {
				defer close(restarted)
				r.stop()
				r.start(addr)
			}()
		}
	})
	r.must(err)
	<-restarted
	if len(seen) != n {
		t.Errorf("%d answers", len(seen))
	}
}

// TestCancelInterrupted: whoever ends the wait for a worker is told so, and the time that
// was given for the wait is no error; either way the command is undecided.
func TestCancelInterrupted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.publish(order("a", "30001"))
	consumer, err := r.js.CreateConsumer(r.ctx, prefix.Stream("COMMANDS"), jetstream.ConsumerConfig{
		Durable: prefix.Consumer(vcc), FilterSubject: prefix.Commands(vcc), AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Hour,
	})
	r.must(err)
	_, err = consumer.Next() // a worker has it, and says nothing
	r.must(err)
	for name, c := range map[string]struct {
		interrupted bool
		wait        time.Duration
		want        error
	}{"interrupted": {true, time.Hour, context.Canceled}, "waited": {false, time.Millisecond, nil}} {
		ctx, cancel := context.WithCancel(r.ctx)
		defer cancel()
		answered := map[string]client.Withdrawn{}
		if c.interrupted {
			go func() {
				time.Sleep(2 * time.Second) // it waits by then, or is about to
				cancel()
			}()
		}
		err := r.client.Cancel(ctx, vcc, client.Selection{IDs: []string{"a"}}, messages.Cancellation{At: time.Now()}, c.wait, func(w client.Withdrawal) {
			answered[w.ID] = w.Answer
		})
		if !errors.Is(err, c.want) || answered["a"] != client.Open {
			t.Errorf("%s: %v, %v", name, answered, err)
		}
	}
}
