package systemtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// installation is NATS, a gateway with the inspector's account, and processes.
type installation struct {
	*testing.T
	ctx     context.Context
	nats    string
	nc      *nats.Conn
	js      jetstream.JetStream
	sim     *sim.Gateway
	gateway string
	files   string // of secrets
}

func newInstallation(t *testing.T, cfg sim.Config) *installation {
	t.Helper()
	if testing.Short() {
		t.Skip("a whole installation: not with -short")
	}
	in := &installation{T: t, ctx: rig.Context(t), nats: rig.NATS(t), sim: sim.New(cfg), files: t.TempDir()}
	in.sim.SetAccount("1001", sim.Account{Password: rig.Password})
	server, err := sim.Listen(in.sim, "127.0.0.1:0", false)
	in.must(err)
	t.Cleanup(func() { _ = server.Close() })
	in.gateway = server.URL
	in.write("password", rig.Password+"\n")
	nc, err := nats.Connect(in.nats)
	in.must(err)
	t.Cleanup(nc.Close)
	in.nc = nc
	in.js, err = jetstream.New(nc)
	in.must(err)
	return in
}

func (in *installation) must(err error) {
	in.Helper()
	if err != nil {
		in.Fatal(err)
	}
}

// write makes a file and returns its name.
func (in *installation) write(name, text string) string {
	in.Helper()
	path := filepath.Join(in.files, name)
	in.must(os.WriteFile(path, []byte(text), 0o600))
	return path
}

// keeper starts a worker that signs in by itself and returns it when it is ready.
func (in *installation) keeper(name, nats string, more ...string) *process {
	in.Helper()
	p, adminURL := in.worker(name, nats, append([]string{"--gateway", in.gateway, "--inspector", "1001",
		"--password-file", filepath.Join(in.files, "password"), "--concurrency", "8"}, more...)...)
	in.awaitReady(adminURL)
	return p
}

func (in *installation) worker(name, nats string, more ...string) (*process, string) {
	in.Helper()
	p := startProcess(in.T, append([]string{"worker", "--nats", nats, "--name", name,
		"--listen", "127.0.0.1:0", "--log-format", "json", "--retry-initial", "10ms"}, more...)...)
	return p, p.admin(in.T, in.ctx)
}

func (in *installation) awaitReady(adminURL string) {
	in.Helper()
	for status, body := rig.Get(in.T, adminURL+"/readyz"); status != http.StatusOK; status, body = rig.Get(in.T, adminURL+"/readyz") {
		if in.ctx.Err() != nil {
			in.Fatal(body)
		}
		in.tick()
	}
}

func (in *installation) tick() {
	select {
	case <-in.ctx.Done():
	case <-time.After(10 * time.Millisecond):
	}
}

// record is what the bucket holds of the inspector.
func (in *installation) record() (record struct{ GUID, Keeper string }) {
	in.Helper()
	kv, err := in.js.KeyValue(in.ctx, streams.NamesOf(messages.DefaultPrefix).Sessions)
	in.must(err)
	entry, err := kv.Get(in.ctx, "default.1001")
	in.must(err)
	in.must(json.Unmarshal(entry.Value(), &record))
	return record
}

// awaitKeeper waits until a worker keeps the session and polls.
func (in *installation) awaitKeeper(name string) {
	in.Helper()
	for in.record().Keeper != name {
		if in.ctx.Err() != nil {
			in.Fatalf("%s keeps the session, want %s", in.record().Keeper, name)
		}
		in.tick()
	}
	in.must(in.sim.AwaitPoll(in.ctx, "1001"))
}

// awaitEffects waits until so many agents are signed out.
func (in *installation) awaitEffects(n int) {
	in.Helper()
	_, err := in.sim.AwaitCall(in.ctx, func(c sim.Call) bool {
		if c.Effect {
			n--
		}
		return n <= 0
	})
	in.must(err)
}

// succeed waits for the end of a burst.
func (in *installation) succeed(ended <-chan string, n int) {
	in.Helper()
	if end := <-ended; !strings.HasPrefix(end, "exit 0") || !strings.Contains(end, fmt.Sprintf("all%10d", n)) {
		in.Fatal(end)
	}
}

// checkSessions makes sure that there were so many sign-ins, none by force, and
// never two keepers.
func (in *installation) checkSessions(signIns int) {
	in.Helper()
	var last sim.Call
	for _, call := range in.sim.Calls() {
		switch call.Op {
		case sim.OpSignIn:
			signIns--
		case sim.OpForceSignIn:
			in.Error("a forced sign-in")
		case sim.OpPoll:
			// Of an abandoned one the gateway learns late.
			if call.Start.Before(last.End) && !last.Abandoned {
				in.Errorf("two polls at a time: %v-%v and %v-%v", last.Start, last.End, call.Start, call.End)
			}
			last = call
		}
	}
	if signIns != 0 {
		in.Errorf("%d sign-ins fewer than expected", signIns)
	}
}

// dump is everything that a stream holds, headers and data.
func (in *installation) dump(name string) string {
	in.Helper()
	stream, err := in.js.Stream(in.ctx, name)
	in.must(err)
	state := stream.CachedInfo().State
	var text strings.Builder
	for seq := state.FirstSeq; seq <= state.LastSeq && state.Msgs > 0; seq++ {
		if msg, err := stream.GetMsg(in.ctx, seq); err == nil {
			fmt.Fprintf(&text, "%s %v %s\n", msg.Subject, msg.Header, msg.Data)
		}
	}
	return text.String()
}

// streamMsgs counts the messages of a stream.
func (in *installation) streamMsgs(kind string) uint64 {
	in.Helper()
	stream, err := in.js.Stream(in.ctx, messages.DefaultPrefix.Stream(kind))
	in.must(err)
	return stream.CachedInfo().State.Msgs
}

// bury stores a dead letter as a worker would.
func (in *installation) bury(data string) {
	in.Helper()
	_, err := in.js.PublishMsg(in.ctx, &nats.Msg{
		Subject: messages.DefaultPrefix.Dead(messages.DefaultVCC), Data: []byte(data),
		Header: nats.Header{
			messages.HeaderError:    {"it is broken"},
			messages.HeaderSubject:  {messages.DefaultPrefix.Commands(messages.DefaultVCC)},
			messages.HeaderSequence: {"1"},
		},
	})
	in.must(err)
}
