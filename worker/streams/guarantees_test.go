package streams_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/embedded"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// connected returns JetStream of a server of its own, on disk.
func connected(t *testing.T) (context.Context, jetstream.JetStream) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	server, err := embedded.Start(t.TempDir(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	nc, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return ctx, js
}

var plan = streams.Plan{Prefix: messages.DefaultPrefix}

// TestBrokenGuarantees: an existing stream that would break a promise is named,
// with the setting, and left as it is.
func TestBrokenGuarantees(t *testing.T) {
	t.Parallel()
	commands := jetstream.StreamConfig{
		Name: "FORCELOGOUT_COMMANDS", Subjects: []string{"forcelogout.commands.*", "forcelogout.schedule.*.*"},
		Retention: jetstream.WorkQueuePolicy, Duplicates: streams.DefaultMaxAge, AllowMsgSchedules: true, AllowMsgTTL: true,
	}
	results := jetstream.StreamConfig{
		Name: "FORCELOGOUT_RESULTS", Subjects: []string{"forcelogout.results.*.*.*"},
		MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew, DiscardNewPerSubject: true,
	}
	parked := jetstream.StreamConfig{
		Name: "FORCELOGOUT_PARKED", Subjects: []string{"forcelogout.parked.*.*"}, MaxMsgsPerSubject: 1, AllowMsgTTL: true,
	}
	dead := jetstream.StreamConfig{Name: "FORCELOGOUT_DEAD", Subjects: []string{"forcelogout.dead.*"}}
	cases := map[string]struct {
		base    jetstream.StreamConfig
		spoil   func(*jetstream.StreamConfig)
		setting string
	}{
		"commands in memory":      {commands, func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage }, "storage"},
		"commands kept":           {commands, func(c *jetstream.StreamConfig) { c.Retention = jetstream.LimitsPolicy }, "retention"},
		"commands limited":        {commands, func(c *jetstream.StreamConfig) { c.MaxMsgs = 10 }, "max_msgs"},
		"commands limited, bytes": {commands, func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 20 }, "max_bytes"},
		"commands age":            {commands, func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }, "max_age"},
		"short duplicate window":  {commands, func(c *jetstream.StreamConfig) { c.Duplicates = time.Minute }, "duplicate_window"},
		"no schedules":            {commands, func(c *jetstream.StreamConfig) { c.AllowMsgSchedules = false }, "allow_msg_schedules"},
		"no schedule subject":     {commands, func(c *jetstream.StreamConfig) { c.Subjects = c.Subjects[:1] }, "subjects"},
		"several results":         {results, func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 2 }, "max_msgs_per_subject"},
		"old results replaced": {results, func(c *jetstream.StreamConfig) {
			c.Discard, c.DiscardNewPerSubject = jetstream.DiscardOld, false
		}, "discard"},
		"results in memory":        {results, func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage }, "storage"},
		"results written later":    {results, func(c *jetstream.StreamConfig) { c.PersistMode = jetstream.AsyncPersistMode }, "persist_mode"},
		"results that go too soon": {results, func(c *jetstream.StreamConfig) { c.MaxAge = 10 * time.Minute }, "max_age"},
		"small results":            {results, func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1000 }, "max_msg_size"},
		"results elsewhere": {results, func(c *jetstream.StreamConfig) {
			c.SubjectTransform = &jetstream.SubjectTransformConfig{Source: "forcelogout.results.*.*.*", Destination: "results.{{wildcard(1)}}.{{wildcard(2)}}.{{wildcard(3)}}"}
		}, "subject_transform"},
		"replaceable results":              {results, func(c *jetstream.StreamConfig) { c.AllowRollup = true }, "allow_rollup_hdrs"},
		"commands that stay":               {commands, func(c *jetstream.StreamConfig) { c.DenyDelete = true }, "deny_delete"},
		"small commands":                   {commands, func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1000 }, "max_msg_size"},
		"commands that are lost when full": {commands, func(c *jetstream.StreamConfig) { c.MaxBytes, c.AllowMsgSchedules = 1<<20, false }, "max_bytes"},
		"consumers that go when nobody pulls": {commands, func(c *jetstream.StreamConfig) {
			c.ConsumerLimits.InactiveThreshold = time.Minute
		}, "consumer_limits.inactive_threshold"},
		"few commands handed back": {commands, func(c *jetstream.StreamConfig) { c.ConsumerLimits.MaxAckPending = 1000 }, "consumer_limits.max_ack_pending"},
		"notes that go too soon":   {parked, func(c *jetstream.StreamConfig) { c.MaxAge = time.Minute }, "max_age"},
		"notes that are replaced":  {parked, func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 20 }, "discard"},
		"small dead letters":       {dead, func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1000 }, "max_msg_size"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, js := connected(t)
			cfg := c.base
			cfg.Subjects = append([]string(nil), c.base.Subjects...)
			c.spoil(&cfg)
			made, err := js.CreateStream(ctx, cfg)
			if err != nil {
				t.Fatal(err)
			}
			_, err = streams.Setup(ctx, js, plan)
			var broken *streams.SettingError
			if !errors.As(err, &broken) || broken.Setting != c.setting || broken.Object != "stream "+cfg.Name {
				t.Errorf("setup says %v, want setting %s", err, c.setting)
			}
			now, err := js.Stream(ctx, cfg.Name)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(made.CachedInfo().Config, now.CachedInfo().Config) {
				t.Error("setup changed the stream")
			}
		})
	}
}

// TestSetupThenCheck: what Setup makes is what Check wants, and a second Setup
// changes nothing but the retention that it is told.
func TestSetupThenCheck(t *testing.T) {
	t.Parallel()
	ctx, js := connected(t)
	if err := streams.Check(ctx, js, plan); err == nil {
		t.Error("check finds nothing missing on an empty server")
	}
	first, err := streams.Setup(ctx, js, plan)
	if err != nil || len(first) != 5 {
		t.Fatalf("setup made %v: %v", first, err)
	}
	if err := streams.Check(ctx, js, plan); err != nil {
		t.Error(err)
	}
	second, err := streams.Setup(ctx, js, plan)
	if err != nil || len(second) != 0 {
		t.Errorf("the second setup made %v: %v", second, err)
	}
	longer := plan
	longer.ResultsMaxAge = 30 * 24 * time.Hour
	third, err := streams.Setup(ctx, js, longer)
	if err != nil || len(third) != 1 {
		t.Errorf("a longer retention made %v: %v", third, err)
	}
	// A worker's plan has no opinion on retention, and must not shorten it.
	if again, err := streams.Setup(ctx, js, plan); err != nil || len(again) != 0 {
		t.Errorf("the plan without retention made %v: %v", again, err)
	}
}

// TestBind: the durable consumer is made once, shared, and checked.
func TestBind(t *testing.T) {
	t.Parallel()
	ctx, js := connected(t)
	if _, err := streams.Setup(ctx, js, plan); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		consumer, err := streams.Bind(ctx, js, plan, "default")
		if err != nil {
			t.Fatal(err)
		}
		cfg := consumer.CachedInfo().Config
		if cfg.Durable != "forcelogout-default" || cfg.FilterSubject != "forcelogout.commands.default" ||
			cfg.MaxDeliver != -1 || cfg.MaxAckPending != streams.MaxAckPending || cfg.AckWait != streams.DefaultAckWait {
			t.Errorf("consumer %+v", cfg)
		}
	}
	_, err := js.CreateConsumer(ctx, "FORCELOGOUT_COMMANDS", jetstream.ConsumerConfig{
		Durable: "forcelogout-other", FilterSubject: "forcelogout.commands.other", AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	var broken *streams.SettingError
	if _, err := streams.Bind(ctx, js, plan, "other"); !errors.As(err, &broken) || broken.Setting != "max_deliver" {
		t.Errorf("bind says %v, want max_deliver", err)
	}
}

// TestConsumerSettings: a consumer with which commands would not come, or come without
// their bytes, or be forgotten, is named with the setting.
func TestConsumerSettings(t *testing.T) {
	t.Parallel()
	ctx, js := connected(t)
	if _, err := streams.Setup(ctx, js, plan); err != nil {
		t.Fatal(err)
	}
	cases := map[string]func(*jetstream.ConsumerConfig){
		"headers_only":       func(c *jetstream.ConsumerConfig) { c.HeadersOnly = true },
		"replay_policy":      func(c *jetstream.ConsumerConfig) { c.ReplayPolicy = jetstream.ReplayOriginalPolicy },
		"mem_storage":        func(c *jetstream.ConsumerConfig) { c.MemoryStorage = true },
		"max_waiting":        func(c *jetstream.ConsumerConfig) { c.MaxWaiting = 1 },
		"inactive_threshold": func(c *jetstream.ConsumerConfig) { c.InactiveThreshold = time.Hour },
		"priority_policy": func(c *jetstream.ConsumerConfig) {
			c.PriorityPolicy, c.PriorityGroups = jetstream.PriorityPolicyOverflow, []string{"a"}
		},
	}
	for setting, spoil := range cases {
		cfg := jetstream.ConsumerConfig{
			Durable: "forcelogout-" + setting, FilterSubject: "forcelogout.commands." + setting,
			AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: -1,
		}
		spoil(&cfg)
		if _, err := js.CreateConsumer(ctx, "FORCELOGOUT_COMMANDS", cfg); err != nil {
			t.Fatal(err)
		}
		var broken *streams.SettingError
		if _, err := streams.Bind(ctx, js, plan, setting); !errors.As(err, &broken) || broken.Setting != setting {
			t.Errorf("bind says %v, want %s", err, setting)
		}
	}
}

// TestBucketSettings: a bucket whose records would go by themselves, or do not fit, is
// named with the setting, by setup and by a worker that starts.
func TestBucketSettings(t *testing.T) {
	t.Parallel()
	for setting, spoil := range map[string]func(*jetstream.KeyValueConfig){
		"storage":      func(c *jetstream.KeyValueConfig) { c.Storage = jetstream.MemoryStorage },
		"max_age":      func(c *jetstream.KeyValueConfig) { c.TTL = time.Hour },
		"max_msg_size": func(c *jetstream.KeyValueConfig) { c.MaxValueSize = 1000 },
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			ctx, js := connected(t)
			if _, err := streams.Setup(ctx, js, plan); err != nil {
				t.Fatal(err)
			}
			const bucket = "FORCELOGOUT_SESSIONS"
			if err := js.DeleteKeyValue(ctx, bucket); err != nil {
				t.Fatal(err)
			}
			if err := streams.Check(ctx, js, plan); err == nil || !strings.Contains(err.Error(), "bucket "+bucket+" does not exist") {
				t.Errorf("without a bucket check says %v", err)
			}
			cfg := jetstream.KeyValueConfig{Bucket: bucket, Storage: jetstream.FileStorage}
			spoil(&cfg)
			if _, err := js.CreateKeyValue(ctx, cfg); err != nil {
				t.Fatal(err)
			}
			_, setupErr := streams.Setup(ctx, js, plan)
			for who, err := range map[string]error{"setup": setupErr, "check": streams.Check(ctx, js, plan)} {
				var broken *streams.SettingError
				if !errors.As(err, &broken) || broken.Setting != setting || broken.Object != "bucket "+bucket {
					t.Errorf("%s says %v, want %s", who, err, setting)
				}
			}
		})
	}
}

// TestConsumerAsMade: where the server fills in what would break a promise, the consumer
// is refused also by who has made it.
func TestConsumerAsMade(t *testing.T) {
	t.Parallel()
	ctx, js := connected(t)
	if _, err := streams.Setup(ctx, js, plan); err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(ctx, "FORCELOGOUT_COMMANDS")
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.ConsumerLimits.InactiveThreshold = time.Minute
	if _, err := js.UpdateStream(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var broken *streams.SettingError
		if _, err := streams.Bind(ctx, js, plan, "default"); !errors.As(err, &broken) || broken.Setting != "inactive_threshold" {
			t.Errorf("bind says %v", err)
		}
	}
}
