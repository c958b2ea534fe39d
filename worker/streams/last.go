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

// leaderLast returns a subject's last message as the stream's leader knows it, or
// jetstream.ErrMsgNotFound. A direct get, which is faster, may be answered by a
// replica that does not have the newest messages yet.
func leaderLast(ctx context.Context, js jetstream.JetStream, stream, subject string) (Message, error) {
	request, err := json.Marshal(map[string]string{"last_by_subj": subject})
	if err != nil {
		return Message{}, err
	}
	m, err := js.Conn().RequestWithContext(ctx, jetstream.DefaultAPIPrefix+"STREAM.MSG.GET."+stream, request)
	if err != nil {
		return Message{}, err
	}
	var answer struct {
		Error   *jetstream.APIError
		Message *struct {
			Sequence uint64 `json:"seq"`
			Data     []byte
		}
	}
	err = json.Unmarshal(m.Data, &answer)
	switch {
	case err != nil:
		return Message{}, fmt.Errorf("reading the answer of NATS: %w", err)
	case answer.Error != nil && answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return Message{}, jetstream.ErrMsgNotFound
	case answer.Error != nil:
		return Message{}, answer.Error
	case answer.Message == nil:
		return Message{}, jetstream.ErrMsgNotFound
	}
	return Message{answer.Message.Data, answer.Message.Sequence}, nil
}

// maxAnswers is how many messages the server sends for one request; more is an error.
const maxAnswers = 1024

// Lasts returns the last messages on the subjects, which may have wildcards, by
// subject; at most 1,024. What is not there is left out. It is a direct get. An answer
// that was cut short is an error: nothing may pass for missing that is only unread.
func Lasts(ctx context.Context, js jetstream.JetStream, stream string, subjects []string) (map[string]Message, error) {
	a := newAsker(js.Conn(), stream)
	defer a.close()
	return a.ask(ctx, subjects)
}

func unread(subjects int, stream string, err error) error {
	return fmt.Errorf("reading the last messages of %d subjects in %s: %w", subjects, stream, err)
}

func requestLasts(nc *nats.Conn, stream, inbox string, subjects []string) error {
	request, err := json.Marshal(map[string][]string{"multi_last": subjects})
	if err != nil {
		return err
	}
	return nc.PublishRequest(jetstream.DefaultAPIPrefix+"DIRECT.GET."+stream, inbox, request)
}

// gathering is an answer as far as it has come.
type gathering struct {
	found map[string]Message // by subject
	err   error
}

// take takes the next message of an answer, and reports whether it was the last.
func (g *gathering) take(msg *nats.Msg) (last bool) {
	if status := msg.Header.Get("Status"); status != "" {
		g.err = isWhole(status, msg.Header, len(g.found))
		return true
	}
	seq, err := strconv.ParseUint(msg.Header.Get(jetstream.SequenceHeader), 10, 64)
	if err != nil {
		g.err = errors.New("an answer of NATS has no sequence")
		return true
	}
	if g.found == nil {
		g.found = map[string]Message{}
	}
	g.found[msg.Header.Get(jetstream.SubjectHeader)] = Message{msg.Data, seq}
	return false
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
