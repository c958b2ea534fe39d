// Package streams knows the JetStream streams, consumers and buckets that
// forcelogout lives on: the settings that they must have, whether they have
// them, and how to make them.
package streams

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
)

// Defaults of the settings that an operator can choose.
const (
	DefaultMaxAge        = 15 * time.Minute   // how late a command may be executed
	DefaultResultsMaxAge = 7 * 24 * time.Hour // how long results are kept
	deadMaxAge           = 30 * 24 * time.Hour
)

const (
	// DefaultAckWait is short so that the work of a killed worker is redelivered
	// soon; workers extend it while they hold a command.
	DefaultAckWait = 15 * time.Second

	// MaxAckPending bounds the commands of one VCC that are delivered and not
	// acknowledged, over all workers. A command handed back with a delay keeps
	// its place until it is delivered again, so this is also how many commands
	// may wait for a retry before healthy ones must wait too. It costs the
	// server about 100 bytes each.
	MaxAckPending = 50_000
)

// Plan is what an installation's streams shall be like.
type Plan struct {
	Prefix        messages.Prefix
	MaxAge        time.Duration // smallest duplicate window of the command stream; 0 means DefaultMaxAge
	ResultsMaxAge time.Duration // 0 means: 7 days for a new stream, unchanged for an existing one
	Replicas      int           // 0 means: 1 for a new stream, unchanged for an existing one
	AckWait       time.Duration // of new consumers; 0 means DefaultAckWait
	MaxBytes      MaxBytes
}

// MaxBytes is how large the streams may become, for accounts that demand to know. Zero
// means no limit for a new stream, and unchanged for an existing one.
//
// What happens when one is full: the publisher of a command gets an error, and no
// command is lost. For this NATS keeps no schedules in a limited stream. Without room
// for results no calls are made until there is some. Without room for notes commands
// cannot be withdrawn, and what waits for a retry is asked for again. Of dead letters
// the oldest go.
type MaxBytes struct {
	Commands, Results, Dead, Parked, Sessions int64
}

// Names are the streams and the bucket of an installation.
type Names struct {
	Commands, Results, Dead, Parked, Sessions string
}

// NamesOf returns the names under a prefix.
func NamesOf(p messages.Prefix) Names {
	return Names{
		Commands: p.Stream("COMMANDS"),
		Results:  p.Stream("RESULTS"),
		Dead:     p.Stream("DEAD"),
		Parked:   p.Stream("PARKED"),
		Sessions: p.Stream("SESSIONS"),
	}
}

func (p Plan) maxAge() time.Duration {
	if p.MaxAge > 0 {
		return p.MaxAge
	}
	return DefaultMaxAge
}

func (p Plan) commands() jetstream.StreamConfig {
	limited := p.MaxBytes.Commands > 0
	discard := jetstream.DiscardOld
	if limited {
		discard = jetstream.DiscardNew
	}
	return jetstream.StreamConfig{
		Name:        NamesOf(p.Prefix).Commands,
		Description: "forcelogout: commands waiting to be executed",
		Subjects: []string{
			p.Prefix.Commands(messages.AnyToken),
			p.Prefix.Schedule(messages.AnyToken, messages.AnyToken),
		},
		Storage:           jetstream.FileStorage,
		Retention:         jetstream.WorkQueuePolicy,
		Duplicates:        p.maxAge(),
		AllowMsgSchedules: !limited,
		AllowMsgTTL:       true,
		AllowDirect:       true,
		MaxBytes:          p.MaxBytes.Commands,
		Discard:           discard,
		Replicas:          max(1, p.Replicas),
	}
}

func (p Plan) results() jetstream.StreamConfig {
	maxAge := p.ResultsMaxAge
	if maxAge == 0 {
		maxAge = DefaultResultsMaxAge
	}
	return jetstream.StreamConfig{
		Name:                 NamesOf(p.Prefix).Results,
		Description:          "forcelogout: exactly one result per command",
		Subjects:             []string{p.Prefix.Result(messages.AnyToken, messages.AnyToken, messages.AnyToken)},
		Storage:              jetstream.FileStorage,
		Retention:            jetstream.LimitsPolicy,
		MaxAge:               maxAge,
		MaxBytes:             p.MaxBytes.Results,
		MaxMsgsPerSubject:    1,
		Discard:              jetstream.DiscardNew,
		DiscardNewPerSubject: true,
		// The subject rule finds repeats. The message-id window would take the
		// same id in another VCC for a repeat, so it is as short as NATS allows.
		Duplicates:  100 * time.Millisecond,
		AllowDirect: true,
		Replicas:    max(1, p.Replicas),
	}
}

func (p Plan) dead() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        NamesOf(p.Prefix).Dead,
		Description: "forcelogout: commands that were no valid commands",
		Subjects:    []string{p.Prefix.Dead(messages.AnyToken)},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		MaxAge:      deadMaxAge,
		MaxBytes:    p.MaxBytes.Dead,
		AllowDirect: true,
		Replicas:    max(1, p.Replicas),
	}
}

// parked remembers, for commands handed back to the server, how many calls were
// made: whichever worker gets them next goes on counting.
func (p Plan) parked() jetstream.StreamConfig {
	discard := jetstream.DiscardOld
	if p.MaxBytes.Parked > 0 {
		discard = jetstream.DiscardNew
	}
	return jetstream.StreamConfig{
		Name:              NamesOf(p.Prefix).Parked,
		Description:       "forcelogout: attempts made of commands that wait on the server",
		Subjects:          []string{p.Prefix.Parked(messages.AnyToken, messages.AnyToken)},
		Storage:           jetstream.FileStorage,
		Retention:         jetstream.LimitsPolicy,
		MaxAge:            DefaultResultsMaxAge,
		MaxMsgsPerSubject: 1,
		MaxBytes:          p.MaxBytes.Parked,
		Discard:           discard,
		AllowMsgTTL:       true,
		AllowDirect:       true,
		Replicas:          max(1, p.Replicas),
	}
}

func (p Plan) sessions() jetstream.KeyValueConfig {
	return jetstream.KeyValueConfig{
		Bucket:      NamesOf(p.Prefix).Sessions,
		Description: "forcelogout: shared inspector sessions; holds GUIDs, restrict who may read",
		History:     1,
		MaxBytes:    p.MaxBytes.Sessions,
		Storage:     jetstream.FileStorage,
		Replicas:    max(1, p.Replicas),
	}
}

func (p Plan) consumer(vcc string) jetstream.ConsumerConfig {
	ackWait := p.AckWait
	if ackWait == 0 {
		ackWait = DefaultAckWait
	}
	return jetstream.ConsumerConfig{
		Durable:       p.Prefix.Consumer(vcc),
		Description:   "forcelogout: workers of VCC " + vcc,
		FilterSubject: p.Prefix.Commands(vcc),
		DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       ackWait,
		MaxAckPending: MaxAckPending,
		// The worker ends every command itself; the server must never give up.
		MaxDeliver: -1,
	}
}

// NoteLife is how long a note about a command is kept: an hour longer than the
// command lives.
func NoteLife(expires time.Time) time.Duration {
	return max(time.Until(expires), 0).Truncate(time.Second) + time.Hour
}
