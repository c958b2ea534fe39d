package intake

import (
	"context"
	"time"
)

// Delivered says which messages somebody may have had.
type Delivered struct {
	upTo   uint64    // sequence of the newest message that a worker has got
	before time.Time // what was stored earlier may have been delivered, and nobody knows any more
}

// Has reports whether somebody may have had the message with this sequence, stored then.
func (d Delivered) Has(seq uint64, stored time.Time) bool {
	return seq <= d.upTo || stored.Before(d.before)
}

// Delivered asks the server what has been delivered.
func (in *Intake) Delivered(ctx context.Context) (Delivered, error) {
	info, err := in.info(ctx)
	if err != nil {
		return Delivered{}, err
	}
	return Delivered{upTo: info.Delivered.Stream, before: in.leases.hadBefore(info)}, nil
}
