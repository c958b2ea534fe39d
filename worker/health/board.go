// Package health says what NATS does not do for a worker at present.
package health

import (
	"context"
	"log/slog"
	"time"
)

// Board is everything that may be in a worker's way.
type Board struct {
	log       *slog.Logger
	vcc       string
	obstacles []*Obstacle
}

// NewBoard returns a board without obstacles.
func NewBoard(log *slog.Logger, vcc string) *Board { return &Board{log: log, vcc: vcc} }

// Add returns a new obstacle, which is not there yet. The texts are for the log: that it
// is here, and that it has gone. All are added before Run and Problem.
func (b *Board) Add(here, gone string) *Obstacle {
	o := &Obstacle{log: b.log, vcc: b.vcc, here: here, gone: gone}
	b.obstacles = append(b.obstacles, o)
	return o
}

// Problem is what the log says of the first obstacle that is there, nil without one.
func (b *Board) Problem() error {
	for _, o := range b.obstacles {
		if err := o.Problem(); err != nil {
			return err
		}
	}
	return nil
}

// Run lets obstacles lapse that nothing meets any more, until the context ends. Commands
// come again after ackWait.
func (b *Board) Run(ctx context.Context, ackWait time.Duration) {
	ticker := time.NewTicker(patience)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, o := range b.obstacles {
			o.lapse(ctx, max(rarest, 2*ackWait))
		}
	}
}
