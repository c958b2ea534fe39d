package record

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
)

// optionRoom is for the headers that options of a publication add.
const optionRoom = 128

// SizeLimit is how large a message for a stream may be, as far as it is known: the
// server's max_payload may be another one after each reconnect, and a stream can have a
// max_msg_size of its own. It counts the subject, which the server does not.
func SizeLimit(nc *nats.Conn, stream jetstream.Stream) int {
	limit := nc.MaxPayload()
	if own := int64(stream.CachedInfo().Config.MaxMsgSize); own > 0 && (own < limit || limit <= 0) {
		limit = own
	}
	return int(limit) - optionRoom
}

// errCodeTooLarge is the answer of a stream to a message above its max_msg_size.
const errCodeTooLarge jetstream.ErrorCode = 10054

// Measure looks how large a message may be by now, where a stream has refused one for its
// size: the next try fits.
func Measure(ctx context.Context, stream jetstream.Stream, err error) {
	var refused *jetstream.APIError
	if errors.As(err, &refused) && refused.ErrorCode == errCodeTooLarge {
		_, _ = stream.Info(ctx) // refreshes the cached max_msg_size; if that fails, so does the next try
	}
}

// shortenings are what a result can do without, the least needed first.
func shortenings() []func(*nats.Msg, *messages.Result) {
	return []func(*nats.Msg, *messages.Result){
		func(m *nats.Msg, _ *messages.Result) {
			for _, name := range traceHeaders() {
				m.Header.Del(name)
			}
		},
		func(_ *nats.Msg, r *messages.Result) { r.Message, r.Error = Head(r.Message, 128), Head(r.Error, 256) },
		func(_ *nats.Msg, r *messages.Result) { r.Reason, r.RequestedBy = "", "" },
		func(_ *nats.Msg, r *messages.Result) { r.Meta = nil },
		func(_ *nats.Msg, r *messages.Result) {
			r.Message, r.Error, r.Worker = "", Head(r.Error, 64), Head(r.Worker, 32)
		},
	}
}

// Head is the beginning of a text, at most n bytes, cut between characters.
func Head(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return strings.Clone(text[:n])
}
