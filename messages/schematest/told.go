package schematest

import (
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
)

// Told is a result as a message, as a worker would store it.
func Told(prefix messages.Prefix, r messages.Result) (*nats.Msg, error) {
	data, err := r.Encode()
	if err != nil {
		return nil, err
	}
	header := nats.Header{
		jetstream.MsgIDHeader: {r.ID}, "Content-Type": {"application/json"}, messages.HeaderOutcome: {string(r.Outcome)},
	}
	for name, value := range r.CloudEvent("/" + string(prefix) + "/" + r.VCC) {
		header[name] = []string{value}
	}
	return &nats.Msg{Subject: prefix.Result(r.VCC, r.WorkNo, r.ID), Header: header, Data: data}, nil
}
