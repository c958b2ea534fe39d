package sweep

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
)

// duty decides which worker of a VCC does what one is enough for. Whoever could do it
// says so every period, and whoever has said so for longest does it. Nothing is
// stored: who falls silent, for whatever reason, is replaced a few periods later. For a
// moment there may be two, which has to be no harm.
type duty struct {
	nc      *nats.Conn
	subject string
	log     *slog.Logger

	sub    *nats.Subscription   // nil while this worker could not do it
	name   string               // ours; the least does it
	said   time.Time            // last
	others map[string]time.Time // by name, when they were heard last
}

// dutyPeriods is after how many periods of silence somebody does not count any more.
const dutyPeriods = 3

func newDuty(nc *nats.Conn, subject string, log *slog.Logger) *duty {
	return &duty{nc: nc, subject: subject, log: log}
}

// mine says that this worker could do it, and reports whether it is to. Whoever has
// just begun listens for a period first.
func (d *duty) mine(ctx context.Context) bool {
	begun := d.sub != nil
	if err := d.begin(); err != nil {
		d.log.LogAttrs(ctx, slog.LevelWarn, "cannot agree with other workers who looks for expired commands", slog.Any("error", err))
		return false
	}
	d.say()
	d.hear()
	if !begun {
		return false
	}
	for name, at := range d.others {
		if time.Since(at) < dutyPeriods*lookPeriod && name < d.name {
			return false
		}
	}
	return true
}

func (d *duty) begin() (err error) {
	if d.sub != nil {
		return nil
	}
	if d.sub, err = d.nc.SubscribeSync(d.subject); err != nil {
		return fmt.Errorf("subscribing to %s: %w", d.subject, err)
	}
	// Whoever is at it for longest comes first; all names are of one length.
	d.name = fmt.Sprintf("%020d-%s", time.Now().UnixNano(), rand.Text())
	d.others = map[string]time.Time{}
	return nil
}

// say tells the others, also in the middle of long work.
func (d *duty) say() {
	if time.Since(d.said) < lookPeriod/2 {
		return
	}
	// An error shows in what the duty is for.
	_ = d.nc.Publish(d.subject, []byte(d.name))
	d.said = time.Now()
}

// hear takes what the others have said.
func (d *duty) hear() {
	for waiting, _, err := d.sub.Pending(); err == nil && waiting > 0; waiting-- {
		m, err := d.sub.NextMsg(lookPeriod)
		if errors.Is(err, nats.ErrNoResponders) {
			continue // somebody else's, who writes such headers
		}
		if err != nil {
			return // what was missed is said again
		}
		if name := string(m.Data); len(name) == len(d.name) && name != d.name {
			d.others[name] = time.Now()
		}
	}
}

// lay leaves it to others.
func (d *duty) lay() {
	if d.sub == nil {
		return
	}
	_ = d.sub.Unsubscribe()
	d.sub = nil
}
