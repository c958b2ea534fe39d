package session

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/net/http/httpguts"

	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// record is what the bucket holds under <vcc>.<inspector>: the session, and who
// keeps it. The GUID is the only secret in it, apart from the gateway's cookies.
// Another program may write the GUID alone, as text or as {"guid": "…"}.
type record struct {
	GUID   string `json:"guid"`
	Cookie string `json:"cookie,omitempty"`

	Former       string `json:"former,omitempty"` // the GUID before, which may be lost by a mistake only
	FormerCookie string `json:"formerCookie,omitempty"`

	SignedInBy   string    `json:"signedInBy,omitempty"` // the worker that signed in
	SignedInAt   time.Time `json:"signedInAt,omitzero"`
	Checked      uint64    `json:"checked,omitempty"`     // counts how often a refused session was found good
	PasswordEnds time.Time `json:"passwordEnds,omitzero"` // as said at the sign-in; zero where nothing was

	Keeper string `json:"keeper,omitempty"` // the worker that keeps it, "" for none
	Lease  string `json:"lease,omitempty"`  // the keeper's lease, different at each taking

	Problem string    `json:"problem,omitempty"` // why there is no session, for people
	Orphan  time.Time `json:"orphan,omitzero"`   // until when a session may live whose sign-in's answer was lost
	Salt    string    `json:"salt,omitempty"`    // of the marks
	Good    string    `json:"good,omitempty"`    // the mark of the password that the gateway accepted last
	Refused []mark    `json:"refused,omitempty"` // passwords, since the last sign-in that worked
}

// empty reports whether there is no record.
func (r record) empty() bool {
	return r.GUID == "" && r.Former == "" && r.Keeper == "" && r.Lease == "" && r.Problem == "" && len(r.Refused) == 0 && r.Orphan.IsZero()
}

// end turns the session into the former one.
func (r *record) end() {
	if r.GUID != "" {
		r.Former, r.FormerCookie = r.GUID, r.Cookie
	}
	r.GUID, r.Cookie = "", ""
}

func (r record) session(inspector string) gateway.Session {
	return gateway.Session{Inspector: inspector, GUID: r.GUID, Cookie: r.Cookie}
}

// parseRecord reads what is in the bucket. The error never holds the value.
func parseRecord(data []byte) (record, error) {
	data = bytes.TrimSpace(withoutBOM(data))
	if len(data) == 0 {
		return record{}, nil
	}
	var r record
	if data[0] != '{' {
		guid, err := gateway.ParseGUID(string(data))
		return record{GUID: guid}, err
	}
	if json.Unmarshal(data, &r) != nil {
		return record{}, errors.New(`it is neither a GUID nor JSON like {"guid": "…"}`)
	}
	if r.GUID == "" {
		return r, nil
	}
	if !httpguts.ValidHeaderFieldValue(r.Cookie) {
		return record{}, errors.New("the cookie holds characters that no header value has: put in one line")
	}
	guid, err := gateway.ParseGUID(r.GUID)
	r.GUID = guid
	return r, err
}

// notARecord is what people are told of a value that is none.
func notARecord(err error) record {
	return record{Problem: "what the bucket holds is no session: " + err.Error()}
}

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

// get reads the record and its revision, 0 where there is none.
func (s shelf) get(ctx context.Context) (record, uint64, error) {
	e, err := s.entry(ctx)
	return e.record, e.revision, err
}

// entry is get, with the time of the writing.
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
		r = record{} // a keeper replaces it; nobody can use it
	}
	return entry{record: r, revision: found.Revision(), written: found.Created()}, nil
}

// errOvertaken says that somebody else has written first.
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
