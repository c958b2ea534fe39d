package streams

import (
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// SettingError says which setting of an existing stream or consumer would break
// a guarantee. Nothing was changed.
type SettingError struct {
	Object  string // for example stream FORCELOGOUT_RESULTS
	Setting string // as in the NATS configuration, for example max_msgs_per_subject
	Have    string
	Want    string
}

func (e *SettingError) Error() string {
	return fmt.Sprintf("%s has %s %s, but forcelogout needs %s: change it, or use another --prefix",
		e.Object, e.Setting, e.Have, e.Want)
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

func checkStream(have, want jetstream.StreamConfig) error {
	rules := []rule{
		equal("storage", have.Storage, want.Storage),
		equal("retention", have.Retention, want.Retention),
		equal("no_ack", have.NoAck, false),
		equal("sealed", have.Sealed, false),
		{setting: "subjects", ok: containsAll(have.Subjects, want.Subjects), have: have.Subjects, want: want.Subjects},
		{setting: "allow_msg_ttl", ok: have.AllowMsgTTL || !want.AllowMsgTTL, have: have.AllowMsgTTL, want: true},
		{setting: "allow_msg_schedules", ok: have.AllowMsgSchedules || !want.AllowMsgSchedules, have: have.AllowMsgSchedules, want: true},
	}
	switch {
	case want.Retention == jetstream.WorkQueuePolicy:
		rules = append(rules,
			unlimited("max_msgs", have.MaxMsgs),
			unlimited("max_bytes", have.MaxBytes),
			unlimited("max_msgs_per_subject", have.MaxMsgsPerSubject),
			unlimited("max_age", int64(have.MaxAge)),
			rule{setting: "duplicate_window", ok: have.Duplicates >= want.Duplicates, have: have.Duplicates, want: "at least " + want.Duplicates.String()},
		)
	case want.DiscardNewPerSubject:
		rules = append(rules,
			equal("max_msgs_per_subject", have.MaxMsgsPerSubject, 1),
			equal("discard", have.Discard, want.Discard),
			equal("discard_new_per_subject", have.DiscardNewPerSubject, true),
		)
	case want.MaxMsgsPerSubject == 1:
		rules = append(rules,
			equal("max_msgs_per_subject", have.MaxMsgsPerSubject, 1),
			equal("discard", have.Discard, want.Discard),
		)
	}
	return firstBroken("stream "+want.Name, rules)
}

func checkConsumer(have, want jetstream.ConsumerConfig) error {
	return firstBroken("consumer "+want.Durable, []rule{
		equal("ack_policy", have.AckPolicy, want.AckPolicy),
		equal("deliver_policy", have.DeliverPolicy, want.DeliverPolicy),
		equal("filter_subject", have.FilterSubject, want.FilterSubject),
		equal("max_deliver", have.MaxDeliver, want.MaxDeliver),
		{setting: "backoff", ok: len(have.BackOff) == 0, have: have.BackOff, want: "none"},
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
