package streams

import (
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// SettingError says which setting of an existing stream or consumer would break
// a guarantee. Nothing was changed.
type SettingError struct {
	Object  string // for example stream FORCELOGOUT_RESULTS
	Setting string // as in the NATS configuration, for example max_msgs_per_subject
	Have    string
	Want    string
	Remedy  string // "" for the usual one
}

func (e *SettingError) Error() string {
	remedy := e.Remedy
	if remedy == "" {
		remedy = "change it, or use another --prefix"
	}
	return fmt.Sprintf("%s has %s %s, but forcelogout needs %s: %s", e.Object, e.Setting, e.Have, e.Want, remedy)
}

// rule is one setting that carries a guarantee.
type rule struct {
	setting    string
	ok         bool
	have, want any
}

func equal[T comparable](setting string, have, want T) rule {
	return rule{setting: setting, ok: have == want, have: have, want: want}
}

// unlimited is for limits that would make the server discard messages.
func unlimited(setting string, have int64) rule {
	return rule{setting: setting, ok: have <= 0, have: have, want: "no limit"}
}

func firstBroken(object string, rules []rule) error {
	for _, r := range rules {
		if !r.ok {
			return &SettingError{Object: object, Setting: r.setting, Have: fmt.Sprint(r.have), Want: fmt.Sprint(r.want)}
		}
	}
	return nil
}

// MinPayload is the least max_payload of a server, and max_msg_size of a stream, with
// which results and notes can be stored, however much they have to be shortened.
const MinPayload = 4 << 10

// checkPayload looks at what the server takes. It may be another server after each
// reconnect.
func checkPayload(nc *nats.Conn) error {
	if have := nc.MaxPayload(); have < MinPayload {
		return &SettingError{Object: "NATS server " + nc.ConnectedUrlRedacted(), Setting: "max_payload", Have: fmt.Sprint(have), Want: fmt.Sprintf("at least %d", MinPayload), Remedy: "change it there"}
	}
	return nil
}

func checkStream(have, want jetstream.StreamConfig, maxAge time.Duration) error {
	rules := []rule{
		equal("storage", have.Storage, want.Storage),
		equal("retention", have.Retention, want.Retention),
		equal("no_ack", have.NoAck, false),
		equal("sealed", have.Sealed, false),
		{setting: "subjects", ok: containsAll(have.Subjects, want.Subjects), have: have.Subjects, want: want.Subjects},
		{setting: "allow_msg_ttl", ok: have.AllowMsgTTL || !want.AllowMsgTTL, have: have.AllowMsgTTL, want: true},
		// Acknowledged would not mean written.
		{setting: "persist_mode", ok: have.PersistMode != jetstream.AsyncPersistMode, have: have.PersistMode, want: "default"},
		// A message would be stored under another subject than it is looked for.
		{setting: "subject_transform", ok: have.SubjectTransform == nil, have: transform(have.SubjectTransform), want: "none"},
		{setting: "mirror", ok: have.Mirror == nil, have: mirrored(have.Mirror), want: "none"},
		{setting: "max_msg_size", ok: have.MaxMsgSize <= 0 || have.MaxMsgSize >= MinPayload, have: have.MaxMsgSize, want: fmt.Sprintf("at least %d", MinPayload)},
	}
	switch {
	case want.Retention == jetstream.WorkQueuePolicy:
		rules = append(rules, commandRules(have, want)...)
	case want.DiscardNewPerSubject:
		rules = append(rules,
			equal("max_msgs_per_subject", have.MaxMsgsPerSubject, 1),
			equal("discard", have.Discard, want.Discard),
			equal("discard_new_per_subject", have.DiscardNewPerSubject, true),
			// A publisher could replace a result.
			equal("allow_rollup_hdrs", have.AllowRollup, false),
			livesFor("max_age", have.MaxAge, maxAge),
		)
	case want.MaxMsgsPerSubject == 1:
		rules = append(rules,
			equal("max_msgs_per_subject", have.MaxMsgsPerSubject, 1),
			livesFor("max_age", have.MaxAge, maxAge),
			unlimited("max_msgs", have.MaxMsgs),
		)
		if have.MaxBytes > 0 {
			rules = append(rules, equal("discard", have.Discard, jetstream.DiscardNew)) // a note that is lost is a cancellation that is
		}
	}
	return firstBroken("stream "+want.Name, rules)
}

// commandRules are about the stream of commands, of which none may be lost. A limit of
// its bytes needs discard new, which NATS knows only without schedules.
func commandRules(have, want jetstream.StreamConfig) []rule {
	limited := have.MaxBytes > 0 && have.Discard == jetstream.DiscardNew
	bytes := unlimited("max_bytes", have.MaxBytes)
	bytes.ok = bytes.ok || limited
	bytes.want = "no limit, or discard new and no schedules (setup --max-bytes)"
	return []rule{
		unlimited("max_msgs", have.MaxMsgs),
		bytes,
		unlimited("max_msgs_per_subject", have.MaxMsgsPerSubject),
		unlimited("max_age", int64(have.MaxAge)),
		{setting: "duplicate_window", ok: have.Duplicates >= want.Duplicates, have: have.Duplicates, want: "at least " + want.Duplicates.String()},
		{setting: "allow_msg_schedules", ok: have.AllowMsgSchedules || limited, have: have.AllowMsgSchedules, want: true},
		// Withdrawn and expired commands are taken out.
		equal("deny_delete", have.DenyDelete, false),
		// Consumers get this where they ask for none.
		equal("consumer_limits.inactive_threshold", have.ConsumerLimits.InactiveThreshold, 0),
		{
			setting: "consumer_limits.max_ack_pending", ok: have.ConsumerLimits.MaxAckPending <= 0 || have.ConsumerLimits.MaxAckPending >= MaxAckPending,
			have: have.ConsumerLimits.MaxAckPending, want: fmt.Sprintf("at least %d", MaxAckPending),
		},
	}
}

func livesFor(setting string, have, least time.Duration) rule {
	return rule{setting: setting, ok: have <= 0 || have >= least, have: have, want: fmt.Sprintf("at least the %v that commands live (--max-age)", least)}
}

func transform(t *jetstream.SubjectTransformConfig) string {
	if t == nil {
		return "none"
	}
	return t.Source + " to " + t.Destination
}

func mirrored(m *jetstream.StreamSource) string {
	if m == nil {
		return "none"
	}
	return m.Name
}

// minWaiting is how many pulls have to be able to wait, which is what a server gives a
// consumer that asks for none: a worker has a few, and is not ready where it can have none.
const minWaiting = 512

func checkConsumer(have, want jetstream.ConsumerConfig) error {
	if have.MaxWaiting > 0 && have.MaxWaiting < minWaiting {
		return &SettingError{
			Object: "consumer " + want.Durable, Setting: "max_waiting", Have: fmt.Sprint(have.MaxWaiting), Want: fmt.Sprintf("at least %d", minWaiting),
			Remedy: "NATS cannot change it: stop the workers, delete the consumer, and they make it as it must be",
		}
	}
	return firstBroken("consumer "+want.Durable, []rule{
		equal("ack_policy", have.AckPolicy, want.AckPolicy),
		equal("deliver_policy", have.DeliverPolicy, want.DeliverPolicy),
		equal("filter_subject", have.FilterSubject, want.FilterSubject),
		equal("max_deliver", have.MaxDeliver, want.MaxDeliver),
		{setting: "backoff", ok: len(have.BackOff) == 0, have: have.BackOff, want: "none"},
		// Every command would be an empty one.
		equal("headers_only", have.HeadersOnly, false),
		equal("replay_policy", have.ReplayPolicy, jetstream.ReplayInstantPolicy),
		// Workers pull for no group and get nothing.
		equal("priority_policy", have.PriorityPolicy, jetstream.PriorityPolicyNone),
		// Who has which command would be forgotten.
		equal("mem_storage", have.MemoryStorage, false),
		equal("inactive_threshold", have.InactiveThreshold, 0),
	})
}

// checkBucket is about the stream of a bucket. A record that goes by itself is a session
// that is lost, or failed sign-ins that nobody counts until the account is locked.
func checkBucket(bucket string, have jetstream.StreamConfig) error {
	return firstBroken("bucket "+bucket, []rule{
		equal("storage", have.Storage, jetstream.FileStorage),
		unlimited("max_age", int64(have.MaxAge)),
		{setting: "persist_mode", ok: have.PersistMode != jetstream.AsyncPersistMode, have: have.PersistMode, want: "default"},
		{setting: "mirror", ok: have.Mirror == nil, have: mirrored(have.Mirror), want: "none"},
		{setting: "max_msg_size", ok: have.MaxMsgSize <= 0 || have.MaxMsgSize >= MinPayload, have: have.MaxMsgSize, want: fmt.Sprintf("at least %d", MinPayload)},
	})
}

func containsAll(have, want []string) bool {
	for _, subject := range want {
		if !slices.Contains(have, subject) {
			return false
		}
	}
	return true
}
