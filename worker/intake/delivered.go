package intake

import (
	"context"
	"errors"
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

// errDeposed: a leader that was cut off does not know what the other one has delivered.
var errDeposed = errors.New("the consumer's leader has no contact with a majority")

// Delivered asks the server what has been delivered.
func (in *Intake) Delivered(ctx context.Context) (Delivered, error) {
	info, majority, err := in.leases.lookSettled(ctx)
	switch {
	case err != nil:
		return Delivered{}, err
	case isReplicated(info) && time.Since(majority) > contactGap:
		return Delivered{}, errDeposed
	}
	return Delivered{upTo: info.Delivered.Stream, before: in.leases.hadBefore(info)}, nil
}
