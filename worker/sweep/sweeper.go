// Package sweep ends what no worker has in hand: commands that expire while nothing is
// pulled, and withdrawn ones; and messages that a client of NATS does not give to anybody.
package sweep

import (
	"log/slog"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/health"
	"github.com/forcelogout/forcelogout/worker/intake"
	"github.com/forcelogout/forcelogout/worker/job"
	"github.com/forcelogout/forcelogout/worker/record"
)

// Config is what a Sweeper needs; all of it is required.
type Config struct {
	NATS       *nats.Conn
	JS         jetstream.JetStream
	Prefix     messages.Prefix
	Reader     job.Reader
	Classifier *job.Classifier
	Capacity   *intake.Capacity
	Intake     *intake.Intake
	Commands   *record.Commands
	Book       *record.Book
	Letters    *record.Letters
	LookingUp  *health.Obstacle // reading commands and notes
	Log        *slog.Logger
}

// Sweeper ends commands past the consumer.
type Sweeper struct{ Config }

// New returns a sweeper; each of its methods does one thing until its context ends.
func New(c Config) *Sweeper { return &Sweeper{c} }
