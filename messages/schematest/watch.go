package schematest

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/messages"
)

// Watch hears everything that is published from now on under the default prefix, and holds
// it against the contract when the test ends. It uses no goroutine of its own, so what was
// published while the connection was lost goes unseen.
func Watch(t testing.TB, nc *nats.Conn) {
	t.Helper()
	contract, err := New()
	if err != nil {
		t.Fatal(err)
	}
	sub, err := nc.SubscribeSync(string(messages.DefaultPrefix) + ".>")
	if err != nil {
		t.Fatal(err)
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { contract.checkHeard(t, nc, sub) })
}

func (c *Contract) checkHeard(t testing.TB, nc *nats.Conn, sub *nats.Subscription) {
	if nc.IsConnected() {
		_ = nc.FlushTimeout(5 * time.Second) // what was published has come then
	}
	heard, _, err := sub.Pending()
	if err != nil {
		t.Errorf("messages cannot be held against the contract: %v", err)
		return
	}
	const most = 5 // complaints
	complaints := 0
	for range heard {
		msg, err := sub.NextMsg(time.Second)
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
