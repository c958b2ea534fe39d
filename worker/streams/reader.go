package streams

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// maxTogether is how many subjects one request asks for.
	maxTogether = maxAnswers / 4
	// answerTime bounds one request.
	answerTime = 5 * time.Second
	// nearTime is how long questions are saved up for the next request while one is
	// under way. A server that is far away gets several at a time.
	nearTime = 2 * time.Millisecond
)

// Reader finds the last messages on subjects of a stream. Questions that come while
// the server answers others are put to it together.
type Reader struct {
	js     jetstream.JetStream
	stream jetstream.Stream

	mu      sync.Mutex
	waiting []*Question
	asked   chan struct{} // has a token when some wait
}

// Question is about the last message on one subject.
type Question struct {
	reader  *Reader
	subject string

	answered chan struct{} // closed when the rest is known
	found    Message
	err      error
}

// NewReader returns a reader that answers while its Run runs.
func NewReader(js jetstream.JetStream, stream jetstream.Stream) *Reader {
	return &Reader{js: js, stream: stream, asked: make(chan struct{}, 1)}
}

// Ask puts a question. The answer is what the stream has after that, or newer.
func (r *Reader) Ask(subject string) *Question {
	q := &Question{reader: r, subject: subject, answered: make(chan struct{})}
	if !r.together() {
		return q // it is put when the answer is wanted
	}
	r.mu.Lock()
	r.waiting = append(r.waiting, q)
	r.mu.Unlock()
	r.signal()
	return q
}

// Answer waits for it. Where there is no message the error is
// jetstream.ErrMsgNotFound.
func (q *Question) Answer(ctx context.Context) (Message, error) {
	if !q.reader.together() {
		ctx, cancel := context.WithTimeout(ctx, answerTime)
		defer cancel()
		return leaderLast(ctx, q.reader.js, q.reader.name(), q.subject)
	}
	select {
	case <-q.answered:
		return q.found, q.err
	case <-ctx.Done():
		return Message{}, ctx.Err()
	}
}

// together is false where only the leader is to be believed, which takes single
// questions only.
func (r *Reader) together() bool { return r.stream.CachedInfo().Config.Replicas <= 1 }

func (r *Reader) name() string { return r.stream.CachedInfo().Config.Name }

func (r *Reader) signal() {
	select {
	case r.asked <- struct{}{}:
	default:
	}
}

// Run puts the questions until the context ends. What is unanswered then stays so.
func (r *Reader) Run(ctx context.Context) {
	a := newAsker(r.js.Conn(), r.name())
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
		questions := r.take()
		if len(questions) == 0 {
			continue
		}
		answered := make(chan struct{})
		requests.Go(func() { defer close(answered); answer(ctx, a, questions) })
		near.Reset(nearTime)
		select {
		case <-answered:
		case <-near.C:
		}
	}
}

// take returns the questions that go into the next request.
func (r *Reader) take() []*Question {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(r.waiting), maxTogether)
	questions := r.waiting[:n:n]
	r.waiting = r.waiting[n:]
	if len(r.waiting) > 0 {
		r.signal()
	}
	return questions
}

func answer(ctx context.Context, a *asker, questions []*Question) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	subjects := make([]string, len(questions))
	for i, q := range questions {
		subjects[i] = q.subject
	}
	found, err := a.ask(ctx, subjects)
	for _, q := range questions {
		q.err = err
		if err == nil {
			var there bool
			if q.found, there = found[q.subject]; !there {
				q.err = jetstream.ErrMsgNotFound
			}
		}
		close(q.answered)
	}
}
