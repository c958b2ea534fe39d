package systemtest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

const (
	healthy = 500    // commands between the payloads
	nearby  = 20_000 // payloads after a healthy one that may be ended before it
)

// mutate spoils a command in one of many ways, or in none that matters.
func mutate(r *rand.Rand, data []byte) []byte {
	at := r.IntN(len(data))
	insert := func(text string) []byte { return append(append(bytes.Clone(data[:at]), text...), data[at:]...) }
	replace := func(old, text string) []byte { return bytes.Replace(data, []byte(old), []byte(text), 1) }
	switch r.IntN(16) {
	case 0:
		data = bytes.Clone(data)
		data[at] ^= 1 << r.IntN(8)
		return data
	case 1:
		return data[:at]
	case 2:
		return insert("\x00")
	case 3:
		return insert("\xff\xfe")
	case 4:
		return replace("{", `{"expiresat":"2030-01-01T00:00:00Z",`)
	case 5:
		return replace("{", `{"id":"other",`)
	case 6:
		return append(bytes.Clone(data), data...)
	case 7:
		return replace(`"workNo":"`, `"workNo":"0`)
	case 8:
		return replace(`"reason":"`, `"reason":["`)
	case 9:
		return replace(`"reason":"`, `"reason":"`+strings.Repeat("x", 9000)) // also above the limit of a command
	case 10:
		return []byte(strings.Repeat("[", r.IntN(4000)))
	case 11:
		return replace("{", `{"expiresAt":"soon",`)
	case 12:
		return replace("{", `{"replyTo":"$JS.API.STREAM.DELETE.FORCELOGOUT_RESULTS",`)
	case 13:
		random := make([]byte, r.IntN(200))
		for i := range random {
			random[i] = byte(r.Uint32())
		}
		return random
	case 14:
		return append([]byte(" \n"), data...) // still a command
	default:
		return replace(`"reason":"`, `"reason":"ü\u0000`)
	}
}

// poisonTest counts what goes in and what must come out.
type poisonTest struct {
	*installation
	rand    *rand.Rand
	sent    int
	invalid map[[32]byte]int
	valid   map[string]bool                   // ids
	healthy map[string]jetstream.PubAckFuture // by id
	buried  map[uint64]time.Time              // by sequence
}

// TestPoison: 100,000 payloads of all sorts, and healthy commands between them. What
// is no command becomes a dead letter, byte for byte; the rest is executed; and the
// worker does not grow.
func TestPoison(t *testing.T) {
	t.Parallel()
	t.Logf("repeat with -seed %d", *faultSeed)
	in := newInstallation(t, sim.Config{})
	p := &poisonTest{installation: in, rand: rand.New(rand.NewPCG(*faultSeed, 9)),
		invalid: map[[32]byte]int{}, valid: map[string]bool{}, healthy: map[string]jetstream.PubAckFuture{}, buried: map[uint64]time.Time{}}
	worker := in.keeper("w", in.nats, "--concurrency", "64")
	p.publish(poisoned / 2)
	half := p.awaitIdle(worker)
	p.publish(poisoned)
	full := p.awaitIdle(worker)
	t.Logf("%d payloads, %d invalid; worker's memory %d KB after the half, %d KB after all", p.sent, p.letters(), half, full)
	if full > half*3/2+16<<10 {
		t.Errorf("the worker grew from %d to %d KB", half, full)
	}
	p.checkDead()
	p.checkResults()
}

// publish sends payloads until there are so many.
func (p *poisonTest) publish(upTo int) {
	p.Helper()
	for ; p.sent < upTo; p.sent++ {
		// No flipped bit makes one id of another.
		id := fmt.Sprintf("p-%016x", p.rand.Uint64())
		data := []byte(fmt.Sprintf(`{"id":%q,"workNo":"%d","reason":"shift-end"}`, id, 300_000+p.sent))
		well := p.sent%(poisoned/healthy) == 0
		opts := []jetstream.PublishOpt{jetstream.WithStallWait(time.Minute)} // other tests take the machine too
		if well {
			opts = append(opts, jetstream.WithMsgID(messages.MessageID(messages.DefaultVCC, id)))
		} else {
			data = mutate(p.rand, data)
		}
		p.expect(data)
		taken, err := p.js.PublishAsync(messages.DefaultPrefix.Commands(messages.DefaultVCC), data, opts...)
		p.must(err)
		if well {
			p.healthy[id] = taken
		}
	}
	select {
	case <-p.js.PublishAsyncComplete():
	case <-p.ctx.Done():
		p.Fatal("not published")
	}
}

// expect notes what must become of a payload.
func (p *poisonTest) expect(data []byte) {
	cmd, err := messages.DecodeCommand(data)
	if err == nil && cmd.ReplyTo != "" {
		err = messages.DefaultReplyPatterns().Allow(cmd.ReplyTo)
	}
	if err != nil {
		p.invalid[sha256.Sum256(data)]++
		return
	}
	p.valid[cmd.ID] = true
}

func (p *poisonTest) letters() (n int) {
	for _, times := range p.invalid {
		n += times
	}
	return n
}

// awaitIdle waits until nothing is left, and returns the worker's memory in KB, 0
// where the system does not tell.
func (p *poisonTest) awaitIdle(worker *process) int {
	p.Helper()
	for p.streamMsgs("COMMANDS") > 0 {
		if p.ctx.Err() != nil {
			p.Fatalf("%d payloads are left", p.streamMsgs("COMMANDS"))
		}
		p.tick()
	}
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", worker.Process.Pid))
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	kb, _ := strconv.Atoi(strings.TrimSpace(strings.SplitN(after+" kB", "kB", 2)[0]))
	return kb
}

// checkDead holds the dead letters against what was sent.
func (p *poisonTest) checkDead() {
	p.Helper()
	p.each("DEAD", func(msg *jetstream.RawStreamMsg) {
		sum := sha256.Sum256(msg.Data)
		if p.invalid[sum]--; p.invalid[sum] < 0 {
			p.Errorf("a dead letter too many: %q", msg.Data)
		}
		seq, err := strconv.ParseUint(msg.Header.Get(messages.HeaderSequence), 10, 64)
		p.must(err)
		p.buried[seq] = msg.Time
		if msg.Header.Get(messages.HeaderError) == "" {
			p.Errorf("a dead letter without a reason: %q", msg.Data)
		}
	})
	for _, left := range p.invalid {
		if left > 0 {
			p.Error("an invalid payload has no dead letter")
		}
	}
}

func (p *poisonTest) checkResults() {
	p.Helper()
	p.each("RESULTS", func(msg *jetstream.RawStreamMsg) {
		r, err := messages.DecodeResult(msg.Data)
		p.must(err)
		if r.Outcome != messages.OutcomeRejected && !p.valid[r.ID] {
			p.Errorf("not a command, and executed: %+v", r)
		}
		if taken := p.healthy[r.ID]; taken != nil {
			p.checkHealthy(r, msg.Time, <-taken.Ok())
			delete(p.healthy, r.ID)
		}
		delete(p.valid, r.ID)
	})
	if len(p.valid) > 0 || len(p.healthy) > 0 {
		p.Errorf("%d valid commands have no result, %d of them healthy", len(p.valid), len(p.healthy))
	}
}

// checkHealthy: a healthy command has ended well, and before what came long after it.
func (p *poisonTest) checkHealthy(r messages.Result, stored time.Time, taken *jetstream.PubAck) {
	p.Helper()
	if r.Outcome != messages.OutcomeSignedOut {
		p.Errorf("a healthy command: %+v", r)
	}
	for seq := taken.Sequence + nearby; seq < taken.Sequence+2*nearby; seq++ {
		if at, letter := p.buried[seq]; letter && at.Before(stored) {
			p.Fatalf("%s ended at %v, a dead letter of %d payloads later at %v", r.ID, stored, seq-taken.Sequence, at)
		}
	}
}

// each reads a whole stream.
func (p *poisonTest) each(kind string, do func(*jetstream.RawStreamMsg)) {
	p.Helper()
	stream, err := p.js.Stream(p.ctx, messages.DefaultPrefix.Stream(kind))
	p.must(err)
	state := stream.CachedInfo().State
	for seq := state.FirstSeq; seq <= state.LastSeq && state.Msgs > 0; seq++ {
		msg, err := stream.GetMsg(p.ctx, seq)
		p.must(err)
		do(msg)
	}
}
