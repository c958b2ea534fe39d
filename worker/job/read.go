package job

import (
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// Reader turns messages into jobs. All of it is required, but Grace.
type Reader struct {
	VCC        string
	Prefix     messages.Prefix
	AllowReply messages.ReplyPatterns
	MaxAge     time.Duration // how long a command lives that does not say so
	Grace      Grace         // of a command that does not say so
}

// Source is what came with a command.
type Source struct {
	Stored      time.Time // when the stream took its message
	FirstStored string    // HeaderFirstStored, "" for none
	MessageID   string    // Nats-Msg-Id, "" for none
}

// HeaderFirstStored carries the time at which the stream first stored a command that an
// earlier version of the worker has published again.
const HeaderFirstStored = "Forcelogout-Stored-At"

// Decode reads a command that is valid here. Nothing else may be executed, ended or
// answered.
func (r Reader) Decode(data []byte) (messages.Command, error) {
	cmd, err := messages.DecodeCommand(data)
	switch {
	case err != nil || cmd.ReplyTo == "":
		return cmd, err
	case r.Prefix.Owns(cmd.ReplyTo):
		return cmd, &messages.InvalidError{Field: "replyTo", Problem: "is one of forcelogout's own subjects"}
	default:
		return cmd, r.AllowReply.Allow(cmd.ReplyTo)
	}
}

// Job settles a command's times. It is not in hand yet.
func (r Reader) Job(cmd messages.Command, from Source) *Job {
	first := from.Stored
	// Only an earlier time is believed: a later one would lengthen the command's life.
	if t, err := time.Parse(time.RFC3339Nano, from.FirstStored); err == nil && t.Before(first) {
		first = t
	}
	j := New(r.VCC, cmd, from.Stored, first, r.MaxAge)
	// The bare id, which publishers may set too, lets a copy under the other one pass.
	j.HasOwnID = from.MessageID == messages.MessageID(r.VCC, cmd.ID)
	r.Grace.give(j)
	return j
}
