package worker_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// TestReplyAttacks: replyTo reaches nothing but the allowed subjects. Whatever else
// it names makes the command invalid, and nothing is published there.
func TestReplyAttacks(t *testing.T) {
	t.Parallel()
	attacks := []string{
		"$JS.API.STREAM.DELETE.FORCELOGOUT_RESULTS", "$JS.API.STREAM.PURGE.FORCELOGOUT_COMMANDS", "$JS.ACK.FORCELOGOUT_COMMANDS.x.1.1.1.1.1",
		"$SYS.REQ.SERVER.PING", "$KV.FORCELOGOUT_SESSIONS.default.1001", "$SRV.PING", "$MQTT.x",
		"forcelogout.commands.other", "forcelogout.schedule.default.x", "forcelogout.results.default.30001.x", "forcelogout.dead.default",
		"forcelogout.parked.default.x", "forcelogout.cancel.default", "forcelogout.status.default", "forcelogout.session.needed.default.1001",
		"forcelogout.progress.default", "forcelogout.replies", "forcelogout.replies.>", "forcelogout.replies.*", "forcelogout.replies.a..b",
		"_INBOX", "_INBOX.", "_INBOX.>", "_INBOX.*.x", "_INBOX.a b", "_INBOX.a\r\nPUB x 0\r\n", "_inbox.x", "_INBOX .x", "＿INBOX.x",
		"other.subject", ">", "*", ".", "", " ", "\x00", "_INBOX." + strings.Repeat("x", 300),
	}
	r := newRig(t)
	seen, err := r.nc.SubscribeSync(">")
	r.must(err)
	r.must(r.nc.Flush())
	r.start(nil)
	want := 0
	for i, attack := range attacks {
		data := fmt.Appendf(nil, `{"id":"a-%d","workNo":"%s","replyTo":%s}`, i, agentNo(i), jsonText(attack))
		r.publish(nil, data)
		want++
	}
	for id, got := range r.await(want) {
		if got.Outcome != messages.OutcomeRejected || got.Cause != messages.CauseInvalid || !strings.Contains(got.Error, "replyTo") {
			t.Errorf("%s: result %+v", id, got)
		}
	}
	r.idle()
	r.deadLetters(want)
	if calls := r.sim.Calls(); len(calls) != 0 {
		t.Errorf("the gateway saw %d calls", len(calls))
	}
	ours := []string{"forcelogout.commands.default", "forcelogout.dead.default", "forcelogout.results.default.", "forcelogout.parked.default.@consumer", "$JS.", "$KV.", "_INBOX.", "$SRV"}
	for pending, _, _ := seen.Pending(); pending > 0; pending-- {
		m, err := seen.NextMsgWithContext(r.ctx)
		r.must(err)
		if !startsWithAny(m.Subject, ours) {
			t.Errorf("something was published on %q", m.Subject)
		}
		for _, attack := range attacks {
			if m.Subject == attack && bytes.Contains(m.Data, []byte(`"outcome"`)) {
				t.Errorf("a result was published on %q", attack)
			}
		}
	}
}

func startsWithAny(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// jsonText writes any text as a JSON string, byte for byte where it is ASCII.
func jsonText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		if c < ' ' || c == '"' || c == '\\' {
			fmt.Fprintf(&b, `\u%04x`, c)
			continue
		}
		b.WriteRune(c)
	}
	b.WriteByte('"')
	return b.String()
}

// TestForgedMessage: what the gateway says stays one printable line, in results,
// their headers and both kinds of logs.
func TestForgedMessage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	forgeries := []string{
		"no\r\nNats-Msg-Id: other\r\nForcelogout-Outcome: signed_out",
		"no\n{\"level\":\"ERROR\",\"msg\":\"forged\"}\n", "no\ntime=2026-01-01T00:00:00Z level=ERROR msg=forged\n",
		"\x1b[2J\x1b[31mred", "\u202egnidda", "a\u2028b\u2029c", "\x00\x07", strings.Repeat("long ", 2_000),
	}
	var orders []messages.Command
	for i, text := range forgeries {
		r.sim.Plan(agentNo(i), sim.Answer{Retcode: "000-002", Message: text})
		orders = append(orders, order("id-"+agentNo(i), agentNo(i)))
	}
	var text, json lines
	r.start(func(c *worker.Config) {
		c.Log = slog.New(slog.NewMultiHandler(
			slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}),
			slog.NewJSONHandler(&json, &slog.HandlerOptions{Level: slog.LevelDebug})))
	})
	r.send(orders...)
	for id, got := range r.await(len(orders)) {
		if !printable(got.Message) || !printable(got.Error) || len(got.Message) > 512 || got.Retcode != "000-002" {
			t.Errorf("%s: result %+v", id, got)
		}
	}
	r.idle()
	r.checkResultHeaders()
	for _, line := range append(text.all(), json.all()...) {
		if !printable(line) {
			t.Errorf("a log line that is not one: %q", line)
		}
	}
}

// checkResultHeaders: none came from a gateway's text.
func (r *rig) checkResultHeaders() {
	r.Helper()
	stream, err := r.js.Stream(r.ctx, prefix.Stream("RESULTS"))
	r.must(err)
	for seq := uint64(1); seq <= stream.CachedInfo().State.LastSeq; seq++ {
		msg, err := stream.GetMsg(r.ctx, seq)
		r.must(err)
		if msg.Header.Get(messages.HeaderOutcome) != string(messages.OutcomeFailed) || strings.Contains(msg.Header.Get(nats.MsgIdHdr), "other") {
			r.Errorf("headers %v", msg.Header)
		}
		for name, values := range msg.Header {
			if len(values) != 1 || !printable(values[0]) {
				r.Errorf("header %s: %q", name, values)
			}
		}
	}
}

func printable(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) < 0
}

// lines keeps what a log handler writes, an event a write.
type lines struct {
	mu   sync.Mutex
	text []string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.text...)
}
