package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/worker/streams"
)

// shelf is the inspector's place in the bucket.
type shelf struct {
	kv  jetstream.KeyValue
	key string
}

func openShelf(ctx context.Context, cfg Config, inspector string) (shelf, error) {
	js, err := cfg.API.JetStream(cfg.NATS)
	if err != nil {
		return shelf{}, fmt.Errorf("using JetStream: %w", err)
	}
	bucket := streams.NamesOf(cfg.Prefix).Sessions
	kv, err := js.KeyValue(ctx, bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return shelf{}, fmt.Errorf("bucket %s does not exist: run forcelogout setup", bucket)
	}
	if err != nil {
		return shelf{}, fmt.Errorf("opening bucket %s: %w", bucket, err)
	}
	return shelf{kv: kv, key: cfg.VCC + "." + inspector}, nil
}

// get reads the record and its revision, which is 0 where there is no record.
func (s shelf) get(ctx context.Context) (record, uint64, error) {
	e, err := s.entry(ctx)
	return e.record, e.revision, err
}

// entry reads the record, its revision, and when it was written.
func (s shelf) entry(ctx context.Context) (entry, error) {
	found, err := s.kv.Get(ctx, s.key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return entry{}, nil
	}
	if err != nil {
		return entry{}, fmt.Errorf("reading %s: %w", s.key, err)
	}
	r, err := parseRecord(found.Value())
	if err != nil {
		r = record{} // what is there is of no use, and a keeper may replace it
	}
	return entry{record: r, revision: found.Revision(), written: found.Created()}, nil
}

// errOvertaken comes from put when somebody else has written since the revision.
var errOvertaken = errors.New("somebody else has written the session")

// age is how long ago an entry was written, by the server's clock alone.
func (s shelf) age(ctx context.Context, written time.Time) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, putTime)
	defer cancel()
	status, err := s.kv.Status(ctx)
	if err != nil {
		return 0, fmt.Errorf("asking for the time: %w", err)
	}
	bucket, is := status.(*jetstream.KeyValueBucketStatus)
	if !is || bucket.StreamInfo().TimeStamp.IsZero() {
		return 0, errors.New("the server does not tell its time")
	}
	return bucket.StreamInfo().TimeStamp.Sub(written), nil
}

// put writes the record if nobody has written since the revision.
func (s shelf) put(ctx context.Context, r record, revision uint64) (uint64, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return 0, err
	}
	var written uint64
	if revision == 0 {
		written, err = s.kv.Create(ctx, s.key, data) // also where it was deleted
	} else {
		written, err = s.kv.Update(ctx, s.key, data, revision)
	}
	if streams.Overtaken(err) || errors.Is(err, jetstream.ErrKeyExists) {
		return 0, errOvertaken
	}
	if err != nil {
		return 0, fmt.Errorf("writing %s: %w", s.key, err)
	}
	return written, nil
}
