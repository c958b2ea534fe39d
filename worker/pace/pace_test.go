package pace_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/embedded"
	"github.com/forcelogout/forcelogout/worker/pace"
	"github.com/forcelogout/forcelogout/worker/streams"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T) (context.Context, jetstream.JetStream) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	server, err := embedded.Start(t.TempDir(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	nc, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := streams.Setup(ctx, js, streams.Plan{Prefix: messages.DefaultPrefix}); err != nil {
		t.Fatal(err)
	}
	return ctx, js
}

// TestTurns: turns of several workers that all want one never come closer than the setting
// says, and who gets none is told when to ask again.
func TestTurns(t *testing.T) {
	t.Parallel()
	ctx, js := open(t)
	const perMinute, workers, asking = 600, 3, 4
	var mu sync.Mutex
	var turns []time.Time
	refused := 0
	var all sync.WaitGroup
	for range workers {
		p, err := pace.New(ctx, js, messages.DefaultPrefix, "default", perMinute)
		if err != nil {
			t.Fatal(err)
		}
		for range asking {
			all.Go(func() {
				for range 10 {
					at, taken, err := p.Turn(ctx)
					mu.Lock()
					switch {
					case err != nil:
						t.Error(err)
					case taken:
						turns = append(turns, at)
					default:
						if refused++; !at.After(time.Now()) {
							t.Errorf("no turn before %v, and now is later", at)
						}
					}
					mu.Unlock()
				}
			})
		}
	}
	all.Wait()
	slices.SortFunc(turns, time.Time.Compare)
	for i := 1; i < len(turns); i++ {
		if gap := turns[i].Sub(turns[i-1]); gap < time.Minute/perMinute {
			t.Errorf("turns %v apart", gap)
		}
	}
	if len(turns) < 15 || refused == 0 {
		t.Errorf("%d turns, %d refused", len(turns), refused)
	}
}

// TestTurnsOfOthers: a VCC has a pace of its own, and what stands in the bucket by mistake
// stops nobody.
func TestTurnsOfOthers(t *testing.T) {
	t.Parallel()
	ctx, js := open(t)
	kv, err := js.KeyValue(ctx, messages.DefaultPrefix.Stream("SESSIONS"))
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range []string{"", "soon", time.Now().Add(time.Hour).Format(time.RFC3339), time.Now().Add(-time.Hour).Format(time.RFC3339)} {
		vcc := fmt.Sprintf("v%d", i)
		if text != "" {
			if _, err := kv.PutString(ctx, vcc+".pace", text); err != nil {
				t.Fatal(err)
			}
		}
		p, err := pace.New(ctx, js, messages.DefaultPrefix, vcc, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, taken, err := p.Turn(ctx); err != nil || !taken {
			t.Errorf("%q: %t, %v", text, taken, err)
		}
		if at, taken, err := p.Turn(ctx); err != nil || taken || time.Until(at) < 50*time.Second {
			t.Errorf("%q: again: %v, %t, %v", text, at, taken, err)
		}
	}
}
