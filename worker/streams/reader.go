package streams

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// knownTime is how long it counts that a stream is one server's alone; it is looked
	// at again at half of that while questions come.
	knownTime = 4 * time.Second
	// maxTogether is how many subjects one request asks for.
	maxTogether = maxAnswers / 4
	// answerTime bounds one request.
	answerTime = 5 * time.Second
	// nearTime is how long questions are saved up for the next request while one is
	// under way. A server that is far away gets several at a time.
	nearTime = 2 * time.Millisecond
)

// Reader finds the last messages on subjects of a stream. Questions that come while
// the server answers others are put to it together, by direct get.
//
// Direct gets are also answered by replicas and by mirrors, which may lack the newest
// messages, or keep fewer. Where the stream is known to have any, every question goes to
// its leader. A server without a cluster does not tell of mirrors, which show only by
// what they answer: ask the leader what must not be missed.
type Reader struct {
	js     jetstream.JetStream
	stream jetstream.Stream
	name   string

	mu      sync.Mutex
	waiting []*Question
	asked   chan struct{} // has a token when some wait
	known   time.Time     // when the stream was last seen to be one server's alone
	looking bool          // whether it is being found out
	copied  bool          // a mirror has answered, and may again
}

// Question is about the last message on one subject.
type Question struct {
	subject string
	leader  bool

	answered chan struct{} // closed when the rest is known
	found    Message
	err      error
}

// NewReader returns a reader that answers while its Run runs.
func NewReader(js jetstream.JetStream, stream jetstream.Stream) *Reader {
	return &Reader{js: js, stream: stream, name: stream.CachedInfo().Config.Name, asked: make(chan struct{}, 1)}
}

// Ask puts a question. The answer is what the stream has after that, or newer.
func (r *Reader) Ask(subject string) *Question { return r.put(subject, false) }

// AskLeader is Ask, and only the leader of the stream is believed. It costs the server
// one request for each question.
func (r *Reader) AskLeader(subject string) *Question { return r.put(subject, true) }

func (r *Reader) put(subject string, leader bool) *Question {
	q := &Question{subject: subject, leader: leader, answered: make(chan struct{})}
	r.mu.Lock()
	r.waiting = append(r.waiting, q)
	r.mu.Unlock()
	r.signal()
	return q
}

// Answer waits for it. Where there is no message the error is
// jetstream.ErrMsgNotFound.
func (q *Question) Answer(ctx context.Context) (Message, error) {
	select {
	case <-q.answered:
		return q.found, q.err
	case <-ctx.Done():
		return Message{}, ctx.Err()
	}
}

func (q *Question) answer(found Message, err error) {
	q.found, q.err = found, err
	close(q.answered)
}

func (r *Reader) signal() {
	select {
	case r.asked <- struct{}{}:
	default:
	}
}

// Run puts the questions until the context ends. What is unanswered then stays so.
func (r *Reader) Run(ctx context.Context) {
	a := newAsker(r.js, r.name)
	defer a.close()
	var requests sync.WaitGroup
	defer requests.Wait()
	near := time.NewTimer(nearTime)
	defer near.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.asked:
		}
		runtime.Gosched() // whoever else is about to ask shall do so first
		together, single, look := r.take()
		if look {
			requests.Go(func() { r.look(ctx) })
		}
		for _, q := range single {
			requests.Go(func() { r.askLeader(ctx, q) })
		}
		if len(together) == 0 {
			continue
		}
		answered := make(chan struct{})
		requests.Go(func() { defer close(answered); r.askTogether(ctx, a, together) })
		near.Reset(nearTime)
		select {
		case <-answered:
		case <-near.C:
		}
	}
}

// take returns the questions that go into the next request, and those that only the
// leader is asked. It reports whether to look who can answer.
func (r *Reader) take() (together, single []*Question, look bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(r.waiting), maxTogether)
	questions := r.waiting[:n:n]
	r.waiting = r.waiting[n:]
	if len(r.waiting) > 0 {
		r.signal()
	}
	age := time.Since(r.known)
	if look = len(questions) > 0 && age > knownTime/2 && !r.looking && !r.copied; look {
		r.looking = true
	}
	if age > knownTime || r.copied {
		return nil, questions, look
	}
	for _, q := range questions {
		if q.leader {
			single = append(single, q)
		} else {
			together = append(together, q)
		}
	}
	return together, single, look
}

// look finds out whether a direct get can be answered by one server only.
func (r *Reader) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	now := time.Now()
	info, err := r.stream.Info(ctx)
	var probed error
	if err == nil {
		probed = r.probe(ctx, info)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looking = false
	switch {
	case err != nil || info.Config.Replicas > 1 || len(info.Alternates) > 0:
	case errors.Is(probed, errCopy):
		r.copied = true
	case probed == nil:
		r.known = now
	}
}

// probes is how often a stream is asked who answers for it. Each of two is as likely.
const probes = 5

// probe looks for a mirror where no cluster tells of them.
func (r *Reader) probe(ctx context.Context, info *jetstream.StreamInfo) error {
	if info.Cluster != nil || info.State.Msgs == 0 {
		return nil
	}
	request := fmt.Appendf(nil, `{"seq":%d,"next_by_subj":">"}`, info.State.FirstSeq)
	for range probes {
		msg, err := r.js.Conn().RequestWithContext(ctx, APISubject(r.js, "DIRECT.GET."+r.name), request)
		if err != nil {
			return err
		}
		answering := told(msg.Header, jetstream.StreamHeader)
		if answering == "" {
			return jetstream.ErrMsgNotFound // they went meanwhile, or a mirror has none
		}
		if answering != r.name {
			return errCopy
		}
	}
	return nil
}

func (r *Reader) askLeader(ctx context.Context, q *Question) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	q.answer(LeaderLast(ctx, r.js, r.name, q.subject))
}

func (r *Reader) askTogether(ctx context.Context, a *asker, questions []*Question) {
	asking, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	subjects := make([]string, len(questions))
	for i, q := range questions {
		subjects[i] = q.subject
	}
	found, err := a.ask(asking, subjects)
	if errors.Is(err, errCopy) {
		r.mu.Lock()
		r.copied = true
		r.waiting = append(r.waiting, questions...)
		r.mu.Unlock()
		r.signal()
		return
	}
	for _, q := range questions {
		msg, there := found[q.subject]
		if err == nil && !there {
			q.answer(Message{}, jetstream.ErrMsgNotFound)
		} else {
			q.answer(msg, err)
		}
	}
}
