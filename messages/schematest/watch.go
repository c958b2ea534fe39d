package schematest

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/messages"
)

// Watch hears everything that is published from now on under the default prefix, and holds
// it against the contract when the test ends. It uses no goroutine of its own. What was published
// while the connection was lost goes unseen, and of each kind what comes after the first
// 65,536.
func Watch(t testing.TB, nc *nats.Conn) {
	t.Helper()
	contract, err := New()
	if err != nil {
		t.Fatal(err)
	}
	// Nothing else: on subjects where workers ask each other, a listener looks like one of
	// them that is slow to answer.
	var subs []*nats.Subscription
	for _, kind := range []string{"commands", "schedule", "results", "dead", "progress"} {
		sub, err := nc.SubscribeSync(string(messages.DefaultPrefix) + "." + kind + ".>")
		if err != nil {
			t.Fatal(err)
		}
		if err := sub.SetPendingLimits(-1, -1); err != nil {
			t.Fatal(err)
		}
		subs = append(subs, sub)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if nc.IsConnected() {
			_ = nc.FlushTimeout(5 * time.Second) // what was published has come then
		}
		for _, sub := range subs {
			contract.checkHeard(t, sub)
		}
	})
}

func (c *Contract) checkHeard(t testing.TB, sub *nats.Subscription) {
	heard, _, err := sub.Pending()
	if err != nil {
		t.Errorf("messages cannot be held against the contract: %v", err)
		return
	}
	const most = 5 // complaints
	complaints := 0
	for range heard {
		msg, err := sub.NextMsg(time.Second)
		if errors.Is(err, nats.ErrSlowConsumer) {
			continue // it is said once where more came than fit
		}
		if errors.Is(err, nats.ErrNoResponders) {
			continue // an empty message whose header Status a test has written
		}
		if err != nil {
			t.Errorf("messages cannot be held against the contract: %v", err)
			return
		}
		if err := c.Message(msg.Subject, msg.Header, msg.Data); err != nil && complaints < most {
			complaints++
			t.Errorf("breaks the contract: %v\n%s %v\n%s", err, msg.Subject, msg.Header, msg.Data)
		}
	}
}
