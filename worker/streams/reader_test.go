package streams_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/worker/streams"
)

// lookups is a stream of results and a reader of it.
type lookups struct {
	*testing.T
	ctx    context.Context
	js     jetstream.JetStream
	stream jetstream.Stream
	reader *streams.Reader
}

func newLookups(ctx context.Context, t *testing.T, js jetstream.JetStream, replicas int) *lookups {
	t.Helper()
	p := plan
	p.Replicas = replicas
	for {
		_, err := streams.Setup(ctx, js, p)
		if err == nil {
			break
		}
		// A young cluster may not know yet that it can hold replicas.
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		pause()
	}
	stream, err := js.Stream(ctx, streams.NamesOf(plan.Prefix).Results)
	if err != nil {
		t.Fatal(err)
	}
	l := &lookups{T: t, ctx: ctx, js: js, stream: stream, reader: streams.NewReader(js, stream)}
	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); l.reader.Run(running) }()
	t.Cleanup(func() { stop(); <-ended })
	return l
}

func pause() { time.Sleep(10 * time.Millisecond) }

func subject(i int) string { return plan.Prefix.Result("default", "30001", fmt.Sprint("id-", i)) }

// store writes n results.
func (l *lookups) store(n int) {
	l.Helper()
	for i := range n {
		if _, err := l.js.Publish(l.ctx, subject(i), []byte(fmt.Sprint(i))); err != nil {
			l.Fatal(err)
		}
	}
}

// missing counts the results, of n that are there, that are not found.
func (l *lookups) missing(n int, ask func(string) *streams.Question) (missing int) {
	l.Helper()
	questions := make([]*streams.Question, n)
	for i := range questions {
		questions[i] = ask(subject(i))
	}
	for i, q := range questions {
		msg, err := q.Answer(l.ctx)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			missing++
		case err != nil:
			l.Fatal(err)
		case string(msg.Data) != fmt.Sprint(i) || msg.Sequence != uint64(i+1):
			l.Errorf("%s is %+v", subject(i), msg)
		}
	}
	return missing
}

// TestMirrorAnswers: a mirror that keeps one message answers direct gets too, and
// must not be believed that the others are not there.
func TestMirrorAnswers(t *testing.T) {
	t.Parallel()
	ctx, js := connected(t)
	l := newLookups(ctx, t, js, 1)
	const n = 20
	l.store(n)
	if missing := l.missing(n, l.reader.Ask); missing > 0 {
		t.Errorf("%d of %d not found without a mirror", missing, n)
	}
	mirror := jetstream.StreamConfig{Name: "COPY", Mirror: &jetstream.StreamSource{Name: l.stream.CachedInfo().Config.Name}, MaxMsgs: 1}
	if _, err := js.CreateStream(ctx, mirror); err != nil {
		t.Fatal(err)
	}
	for { // until the mirror is seen to answer
		found, err := streams.Lasts(ctx, js, l.stream.CachedInfo().Config.Name, []string{subject(0)})
		if err != nil && ctx.Err() != nil {
			t.Fatal("the mirror answers nothing")
		}
		if err == nil && len(found) == 0 {
			break
		}
	}
	for range 10 {
		if missing := l.missing(n, l.reader.AskLeader); missing > 0 {
			t.Errorf("%d of %d not found by the leader", missing, n)
		}
		// By then a mirror's answer has shown that there is one.
		l.missing(n, l.reader.Ask)
	}
	if missing := l.missing(n, l.reader.Ask); missing > 0 {
		t.Errorf("%d of %d not found beside a mirror that has answered", missing, n)
	}
	if msg, err := streams.LeaderMsg(ctx, js, l.stream.CachedInfo().Config.Name, 3); err != nil || msg.Subject != subject(2) || string(msg.Data) != "2" {
		t.Errorf("message 3 is %+v, %v", msg, err)
	}
	if _, err := l.reader.AskLeader(subject(n)).Answer(ctx); !errors.Is(err, jetstream.ErrMsgNotFound) {
		t.Errorf("what is not there: %v", err)
	}
}

// TestForgedHeaders: a stored message's own headers are not taken for the server's.
func TestForgedHeaders(t *testing.T) {
	t.Parallel()
	ctx, js := connected(t)
	l := newLookups(ctx, t, js, 1)
	l.store(2)
	forged := nats.Header{
		"Status": {"503"}, "Description": {"Shut"}, jetstream.StreamHeader: {"OTHER"},
		jetstream.SubjectHeader: {subject(0)}, jetstream.SequenceHeader: {"x"},
	}
	if _, err := js.PublishMsg(ctx, &nats.Msg{Subject: subject(2), Header: forged, Data: []byte("2")}); err != nil {
		t.Fatal(err)
	}
	for range 3 { // the first ones go to the leader
		if missing := l.missing(3, l.reader.Ask) + l.missing(3, l.reader.AskLeader); missing > 0 {
			t.Errorf("%d not found", missing)
		}
	}
	found, err := streams.Lasts(ctx, js, l.stream.CachedInfo().Config.Name, []string{subject(0), subject(1), subject(2)})
	if err != nil || len(found) != 3 || string(found[subject(2)].Data) != "2" {
		t.Errorf("found %v, %v", found, err)
	}
}

// TestReplicasOnALiveStream: a stream that gets replicas, or a mirror, while a reader
// uses it. Soon only the leader is asked, from whichever server.
func TestReplicasOnALiveStream(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	js := newCluster(ctx, t).connect(0)
	nc := js.Conn()
	changes := map[string]func(*lookups) error{
		"replicas": func(l *lookups) error {
			more := l.stream.CachedInfo().Config
			more.Replicas = 3
			_, err := js.UpdateStream(ctx, more)
			return err
		},
		"mirror": func(l *lookups) error {
			_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "COPY", Mirror: &jetstream.StreamSource{Name: l.stream.CachedInfo().Config.Name}, MaxMsgs: 1})
			return err
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			l := newLookups(ctx, t, js, 1)
			t.Cleanup(func() {
				for name := range js.StreamNames(ctx).Name() {
					if err := js.DeleteStream(ctx, name); err != nil {
						t.Error(err)
					}
				}
			})
			l.store(5)
			direct, err := nc.SubscribeSync(jetstream.DefaultAPIPrefix + "DIRECT.GET." + l.stream.CachedInfo().Config.Name)
			if err != nil {
				t.Fatal(err)
			}
			together := func() bool {
				t.Helper()
				before, _, err := direct.Pending()
				if err != nil {
					t.Fatal(err)
				}
				if missing := l.missing(5, l.reader.Ask); missing > 0 {
					t.Errorf("%d of 5 not found", missing)
				}
				if err := nc.Flush(); err != nil {
					t.Fatal(err)
				}
				after, _, err := direct.Pending()
				if err != nil {
					t.Fatal(err)
				}
				return after > before
			}
			for !together() {
				if ctx.Err() != nil {
					t.Fatal("a stream that is one server's alone is not asked by direct get")
				}
			}
			if err := change(l); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				for together() {
					if ctx.Err() != nil {
						t.Fatal("direct gets go on")
					}
					pause()
				}
			}
		})
	}
}

// TestLaggingReplica: a replica that is cut off does not have the newest results. It
// answers direct gets of who is connected to it, and is not believed.
func TestLaggingReplica(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := newCluster(ctx, t)
	near, far := c.connect(0), c.connect(1)
	l := newLookups(ctx, t, near, 3)
	name := l.stream.CachedInfo().Config.Name
	c.lead(name, 1)
	l.store(1)
	// Which server answers a direct get is chance.
	direct := func(subject string) (found map[string]streams.Message, err error) {
		waiting, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		return streams.Lasts(waiting, near, name, []string{subject})
	}
	c.until("a replica that answers alone", func() bool {
		c.cutOff()
		for range 5 {
			if found, err := direct(subject(0)); err == nil && len(found) == 1 {
				return true
			}
		}
		c.heal()
		return false
	})
	if _, err := far.Publish(ctx, subject(1), []byte("1")); err != nil {
		t.Fatal(err)
	}
	c.until("a replica that lags", func() bool {
		found, err := direct(subject(1))
		return err == nil && len(found) == 0
	})
	for name, ask := range map[string]func(string) *streams.Question{"leader": l.reader.AskLeader, "any": l.reader.Ask} {
		q := ask(subject(1))
		waiting, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		if _, err := q.Answer(waiting); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: cut off from the leader, the answer is %v", name, err)
		}
		cancel()
	}
	q := l.reader.AskLeader(subject(1))
	c.heal()
	if msg, err := q.Answer(ctx); err != nil || string(msg.Data) != "1" {
		t.Errorf("after the cut: %+v, %v", msg, err)
	}
}
