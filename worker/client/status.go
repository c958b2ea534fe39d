package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// Status is how the commands of one VCC stand. Numbers are taken one after the
// other, so that under way they need not add up.
type Status struct {
	VCC       string                  `json:"vcc"`
	Scheduled uint64                  `json:"scheduled"` // the server holds them for later
	Waiting   uint64                  `json:"waiting"`   // for a worker
	Parked    uint64                  `json:"parked"`    // for their time or a retry
	InFlight  int                     `json:"inFlight"`  // gateway calls under way
	Done      uint64                  `json:"done"`      // results in the stream
	OldestAge time.Duration           `json:"-"`         // of the oldest command that has come to its time; 0 for none
	Workers   []messages.WorkerStatus `json:"workers"`
}

// answerTime is how long workers have to answer.
const answerTime = 500 * time.Millisecond

// VCCs are those that have commands or workers, or had workers.
func (c *Client) VCCs(ctx context.Context) ([]string, error) {
	counts, err := c.subjects(ctx, string(c.prefix)+".>")
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for subject := range counts {
		tokens := strings.Split(strings.TrimPrefix(subject, string(c.prefix)+"."), ".")
		if len(tokens) > 1 {
			found[tokens[1]] = true
		}
	}
	stream, err := c.stream(ctx, streams.NamesOf(c.prefix).Commands)
	if err != nil {
		return nil, err
	}
	names := stream.ConsumerNames(ctx)
	for name := range names.Name() {
		if vcc, is := strings.CutPrefix(name, c.prefix.Consumer("")); is {
			found[vcc] = true
		}
	}
	return slices.Sorted(maps.Keys(found)), names.Err()
}

// Status asks the server and the workers how a VCC stands.
func (c *Client) Status(ctx context.Context, vcc string) (Status, error) {
	s := Status{VCC: vcc}
	scheduled, err := c.subjects(ctx, c.prefix.Schedule(vcc, messages.AnyToken))
	if err != nil {
		return s, err
	}
	s.Scheduled = uint64(len(scheduled))
	if s.Workers, err = c.workers(ctx, vcc); err != nil {
		return s, err
	}
	out, err := c.queue(ctx, &s)
	if err != nil {
		return s, err
	}
	for _, w := range s.Workers {
		s.InFlight += w.InFlight
		s.Parked += uint64(w.Parked)
		// What is out and in no worker's hand waits on the server.
		out -= min(out, uint64(w.InHand))
	}
	s.Parked += out
	if s.Done, err = c.done(ctx, vcc); err != nil {
		return s, err
	}
	s.OldestAge, err = c.oldest(ctx, vcc)
	return s, err
}

// queue reads what the workers' consumer knows, and returns how many commands it
// has given out.
func (c *Client) queue(ctx context.Context, s *Status) (out uint64, err error) {
	consumer, err := c.js.Consumer(ctx, streams.NamesOf(c.prefix).Commands, c.prefix.Consumer(s.VCC))
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		waiting, err := c.subjects(ctx, c.prefix.Commands(s.VCC))
		s.Waiting = waiting[c.prefix.Commands(s.VCC)]
		return 0, err
	}
	if err != nil {
		return 0, fmt.Errorf("reading the consumer of %s: %w", s.VCC, err)
	}
	info := consumer.CachedInfo()
	s.Waiting = info.NumPending
	return uint64(info.NumAckPending), nil
}

// workers asks all of a VCC, and takes the answers that come in time.
func (c *Client) workers(ctx context.Context, vcc string) ([]messages.WorkerStatus, error) {
	inbox := c.nc.NewRespInbox()
	sub, err := c.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("asking the workers: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := c.nc.PublishRequest(c.prefix.Status(vcc), inbox, nil); err != nil {
		return nil, fmt.Errorf("asking the workers: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	all := []messages.WorkerStatus{}
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			break // in time, or nobody is there
		}
		if w, err := messages.DecodeWorkerStatus(m.Data); err == nil && w.Worker != "" {
			all = append(all, w)
		}
	}
	slices.SortFunc(all, func(a, b messages.WorkerStatus) int { return strings.Compare(a.Worker, b.Worker) })
	return all, nil
}

// done counts results without reading them: a consumer knows how many it has to
// give.
func (c *Client) done(ctx context.Context, vcc string) (uint64, error) {
	results := streams.NamesOf(c.prefix).Results
	consumer, err := c.js.CreateConsumer(ctx, results, jetstream.ConsumerConfig{
		FilterSubject: c.prefix.Result(vcc, messages.AnyToken, messages.AnyToken),
		AckPolicy:     jetstream.AckNonePolicy, HeadersOnly: true, InactiveThreshold: answerTime,
	})
	if err != nil {
		return 0, fmt.Errorf("counting results: %w", notSetUp(err))
	}
	info := consumer.CachedInfo()
	return info.NumPending, c.js.DeleteConsumer(ctx, results, info.Name)
}

// oldest is the age of the oldest command that workers could have.
func (c *Client) oldest(ctx context.Context, vcc string) (time.Duration, error) {
	stream, err := c.stream(ctx, streams.NamesOf(c.prefix).Commands)
	if err != nil {
		return 0, err
	}
	msg, err := stream.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(c.prefix.Commands(vcc)))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("looking for the oldest command: %w", err)
	}
	return max(0, time.Since(msg.Time)), nil
}

// subjects counts the messages of the command stream by subject.
func (c *Client) subjects(ctx context.Context, filter string) (map[string]uint64, error) {
	stream, err := c.stream(ctx, streams.NamesOf(c.prefix).Commands)
	if err != nil {
		return nil, err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		return nil, fmt.Errorf("reading the command stream: %w", notSetUp(err))
	}
	return info.State.Subjects, nil
}
