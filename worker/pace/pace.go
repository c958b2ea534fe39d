// Package pace spaces the calls of all workers of a VCC, so that no minute has more than
// were allowed.
package pace

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/clock"
	"github.com/forcelogout/forcelogout/worker/streams"
)

const (
	// Longest is how far ahead a turn is given. Whoever has to wait longer comes again.
	Longest = 2 * time.Second
	// Lasts is how long after its time a turn can be used: the call may have to wait for an
	// inspector.
	Lasts = 2 * time.Second
	// skew is by how much the clocks of workers may differ.
	skew = 5 * time.Second
	// askTime bounds one request to NATS.
	askTime = 5 * time.Second
)

// Pace gives turns. The time of the next one stands in the bucket of the sessions, which
// only workers can write; who changes it first has the turn. It is safe for concurrent use.
// A nil Pace gives turns at once.
type Pace struct {
	kv  jetstream.KeyValue
	key string
	gap time.Duration // between two turns
	one chan struct{} // held by who asks NATS, so that one process does not race itself

	next time.Time // as seen last, under one
	rev  uint64    // of next, 0 for none
}

// New returns the pace of a VCC; nil where perMinute is 0, which is no limit.
func New(ctx context.Context, js jetstream.JetStream, prefix messages.Prefix, vcc string, perMinute int) (*Pace, error) {
	if perMinute == 0 {
		return nil, nil
	}
	kv, err := js.KeyValue(ctx, prefix.Stream("SESSIONS"))
	if err != nil {
		return nil, fmt.Errorf("opening the bucket with the pace of calls: %w", err)
	}
	// Turns that fall into a minute, and those of just before it that are used in it,
	// are perMinute together.
	return &Pace{kv: kv, key: vcc + ".pace", gap: (time.Minute + Lasts) / time.Duration(perMinute), one: make(chan struct{}, 1)}, nil
}

// Turn takes the next turn, and returns when that is. Where it would be too far ahead it
// takes none, and returns when to ask again. An error means that NATS does not say.
func (p *Pace) Turn(ctx context.Context) (at time.Time, taken bool, err error) {
	if p == nil {
		return time.Time{}, true, nil
	}
	select {
	case p.one <- struct{}{}:
	case <-ctx.Done():
		return at, false, ctx.Err()
	}
	defer func() { <-p.one }()
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	for {
		now := time.Now()
		if at = clock.Later(p.next, now); at.Sub(now) > Longest+p.gap+skew {
			at = now // no worker with a proper clock has written that, or the setting was another one
		}
		if at.Sub(now) > Longest {
			return at, false, nil
		}
		err := p.write(ctx, at.Add(p.gap))
		switch {
		case err == nil:
			return at, true, nil
		case !streams.Overtaken(err) && !errors.Is(err, jetstream.ErrKeyExists):
			return at, false, fmt.Errorf("taking a turn for a call: %w", err)
		}
		if err := p.read(ctx); err != nil {
			return at, false, fmt.Errorf("reading the pace of calls: %w", err)
		}
	}
}

func (p *Pace) write(ctx context.Context, next time.Time) (err error) {
	text := []byte(next.UTC().Format(time.RFC3339Nano))
	var rev uint64
	if p.rev == 0 {
		rev, err = p.kv.Create(ctx, p.key, text)
	} else {
		rev, err = p.kv.Update(ctx, p.key, text, p.rev)
	}
	if err == nil {
		p.next, p.rev = next, rev
	}
	return err
}

// read takes over what another worker has written. What nobody can read is written anew.
func (p *Pace) read(ctx context.Context) error {
	entry, err := p.kv.Get(ctx, p.key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		p.next, p.rev = time.Time{}, 0
		return nil
	}
	if err != nil {
		return err
	}
	p.rev = entry.Revision()
	p.next, _ = time.Parse(time.RFC3339Nano, string(entry.Value()))
	return nil
}
