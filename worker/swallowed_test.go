package worker_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
)

// TestSwallowed: a message that nats.go takes for the server's own, and gives to nobody,
// becomes a dead letter; and what stands behind it is executed.
func TestSwallowed(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]nats.Header{
		"no messages":      {"Status": {"404"}},
		"time-out":         {"Status": {"408"}, "Description": {"Request Timeout"}},
		"consumer deleted": {"Status": {"409"}, "Description": {"Consumer Deleted"}},
		"bad request":      {"Status": {"400"}},
		"no responders":    {"Status": {"503"}},
		"heartbeat":        {"Status": {"100"}, "Description": {"Idle Heartbeat"}},
		"something":        {"Status": {"x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.ackWait(2 * time.Second)
			seq := r.publish(header, nil)
			r.send(r.orders(0, 20)...)
			r.start(func(c *worker.Config) { c.AckWait, c.CallTimeout = 2*time.Second, time.Second })
			for id, got := range r.await(20) {
				if got.Outcome != messages.OutcomeSignedOut {
					t.Errorf("%s: %+v", id, got)
				}
			}
			r.idle()
			if letter := r.deadLetters(1)[strconv.FormatUint(seq, 10)]; letter == nil {
				t.Error("no dead letter")
			}
		})
	}
}

// TestSwallowedAsides: nor does such a message make a worker deaf to withdrawals and to who
// asks for its status.
func TestSwallowedAsides(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(nil)
	subjects := []string{prefix.Cancel(vcc), prefix.Status(vcc)}
	nudge, err := messages.Cancel{ID: "a", By: messages.Cancellation{At: time.Now()}}.Encode()
	r.must(err)
	for _, subject := range subjects {
		r.until("the worker listens", func() bool {
			_, err := r.nc.Request(subject, nudge, time.Second)
			return err == nil
		})
		r.must(r.nc.PublishMsg(&nats.Msg{Subject: subject, Header: nats.Header{"Status": {"503"}}}))
		if _, err := r.nc.Request(subject, nudge, 10*time.Second); err != nil {
			t.Errorf("%s: %v", subject, err)
		}
	}
}
