package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Message is a stored message.
type Message struct {
	Data     []byte
	Sequence uint64
}

// maxAnswers is how many messages the server sends for one request; more is an error.
const maxAnswers = 1024

// Lasts returns the last messages on the subjects, which may have wildcards, by
// subject; at most 1,024. What is not there is left out. It is a direct get. An answer
// that was cut short is an error: nothing may pass for missing that is only unread.
func Lasts(ctx context.Context, js jetstream.JetStream, stream string, subjects []string) (map[string]Message, error) {
	a := newAsker(js, stream)
	defer a.close()
	return a.ask(ctx, subjects)
}

func unread(subjects int, stream string, err error) error {
	return fmt.Errorf("reading the last messages of %d subjects in %s: %w", subjects, stream, err)
}

func requestLasts(js jetstream.JetStream, stream, inbox string, subjects []string) error {
	request, err := json.Marshal(map[string][]string{"multi_last": subjects})
	if err != nil {
		return err
	}
	return js.Conn().PublishRequest(APISubject(js, "DIRECT.GET."+stream), inbox, request)
}

// gathering is an answer as far as it has come.
type gathering struct {
	found map[string]Message // by subject
	err   error
}

// errCopy: a mirror has answered.
var errCopy = errors.New("a mirror of the stream answers for it")

// take takes the next message of an answer of the stream, and reports whether it was
// the last.
func (g *gathering) take(stream string, msg *nats.Msg) (last bool) {
	subject := told(msg.Header, jetstream.SubjectHeader)
	// Where nobody answers, the server says for which subject, and no stream.
	if told(msg.Header, jetstream.StreamHeader) == "" {
		g.err = isWhole(msg.Header.Get("Status"), msg.Header, len(g.found))
		return true
	}
	if told(msg.Header, jetstream.StreamHeader) != stream {
		g.err = errCopy
		return true
	}
	seq, err := strconv.ParseUint(told(msg.Header, jetstream.SequenceHeader), 10, 64)
	if err != nil {
		g.err = errors.New("an answer of NATS has no sequence")
		return true
	}
	if g.found == nil {
		g.found = map[string]Message{}
	}
	g.found[subject] = Message{msg.Data, seq}
	return false
}

// told is what the server says in a header of a stored message. The message may have
// one of that name itself; the server's comes last.
func told(header nats.Header, name string) string {
	if values := header[name]; len(values) > 0 {
		return values[len(values)-1]
	}
	return ""
}

// isWhole looks at the end of an answer. The server says "404" also of a message that
// it knows of and cannot read.
func isWhole(status string, header nats.Header, messages int) error {
	text := header.Get("Description")
	switch {
	case status == "204" && text == "EOB" && header.Get("Nats-Num-Pending") == "0":
		return nil
	case status == "404" && text == "No Results" && messages == 0:
		return nil
	case status == "503":
		return nats.ErrNoResponders
	default:
		return fmt.Errorf("NATS answers %s %s after %d messages", status, text, messages)
	}
}
