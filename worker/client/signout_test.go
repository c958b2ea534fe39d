package client_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
)

// TestSignOutMany: many calls at once, each gets the result of its own command, and
// the server sees one feed.
func TestSignOutMany(t *testing.T) {
	t.Parallel()
	const n = 200
	r := newRig(t)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			workNo := strconv.Itoa(30001 + i)
			got, err := r.client.SignOut(r.ctx, order("s-"+workNo, workNo))
			if err != nil || got.WorkNo != workNo || got.Outcome != messages.OutcomeSignedOut {
				t.Errorf("%s: %+v, %v", workNo, got, err)
			}
		})
	}
	for r.msgs("COMMANDS") < n {
		time.Sleep(5 * time.Millisecond)
	}
	stream, err := r.js.Stream(r.ctx, prefix.Stream("RESULTS"))
	r.must(err)
	if n := stream.CachedInfo().State.Consumers; n > 1 {
		t.Errorf("%d feeds", n)
	}
	for i := range n {
		workNo := strconv.Itoa(30001 + i)
		r.finish(vcc, workNo, "s-"+workNo, messages.OutcomeSignedOut)
	}
	all.Wait()
}

// TestSignOutAnswers: what has ended is told at once, what cannot be stored as well,
// and who gives up waiting can wait on.
func TestSignOutAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.finish(vcc, "30001", "old", messages.OutcomeSignedOut)
	if got, err := r.client.SignOut(r.ctx, order("old", "30001")); !errors.Is(err, client.ErrEnded) || got.Outcome != messages.OutcomeSignedOut {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := r.client.SignOut(r.ctx, order("x", "7")); err == nil {
		t.Error("no agent has that number")
	}
	short, stop := context.WithTimeout(r.ctx, 200*time.Millisecond)
	defer stop()
	if _, err := r.client.SignOut(short, order("new", "30002")); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if _, err := r.client.Result(r.ctx, vcc, "new"); !errors.Is(err, client.ErrNoResult) {
		t.Error(err)
	}
	go r.finish(vcc, "30002", "new", messages.OutcomeFailed)
	if got, err := r.client.Await(r.ctx, vcc, "new"); err != nil || got.Outcome != messages.OutcomeFailed {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestAwaitRestart: a server that restarts costs a waiting call nothing but time.
func TestAwaitRestart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.publish(order("a", "30001"))
	type answer struct {
		result messages.Result
		err    error
	}
	answers := make(chan answer, 1)
	go func() {
		result, err := r.client.Await(r.ctx, vcc, "a")
		answers <- answer{result, err}
	}()
	addr := r.addr()
	r.stop()
	r.start(addr)
	// What is published before the client has seen that its connection is lost gets no
	// answer.
	for r.nc.Stats().Reconnects == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	r.finish(vcc, "30001", "a", messages.OutcomeSignedOut)
	if got := <-answers; got.err != nil || got.result.Outcome != messages.OutcomeSignedOut {
		t.Errorf("%+v", got)
	}
}

// TestFind: where a command is, wherever it is.
func TestFind(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.publish(order("waits", "30001"), at(order("planned", "30002"), time.Now().Add(time.Hour)), at(order("gone", "30003"), time.Now().Add(time.Hour)))
	r.finish(vcc, "30004", "ended", messages.OutcomeSignedOut)
	r.cancel(client.Selection{IDs: []string{"gone"}})
	// Notes as workers write them.
	for id, note := range map[string]messages.Parked{"claimed": {Claim: 2}, "handed-back": {Delivery: 1, DueAt: time.Now().Add(time.Hour)}} {
		ack, err := r.js.PublishMsg(r.ctx, &nats.Msg{Subject: prefix.Commands(vcc), Data: []byte(`{"id":"` + id + `","workNo":"30005"}`)})
		r.must(err)
		note.Sequence = ack.Sequence
		data, err := note.Encode()
		r.must(err)
		_, err = r.js.Publish(r.ctx, prefix.Parked(vcc, id), data)
		r.must(err)
	}
	for id, want := range map[string]string{"waits": client.Waits, "claimed": client.Waits, "handed-back": client.HandedBack, "planned": client.Planned, "gone": client.Withdraws, "ended": "", "never": client.Nowhere} {
		got, err := r.client.Find(r.ctx, vcc, id)
		if err != nil || got.State != want || (got.Result != nil) != (id == "ended") || (got.WorkNo == "") != (id == "never") {
			t.Errorf("%s: %+v, %v", id, got, err)
		}
	}
}
