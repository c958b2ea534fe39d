package messages_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/forcelogout/forcelogout/messages"
)

func TestValidate(t *testing.T) {
	type command = messages.Command
	at := time.Date(2026, 1, 31, 18, 0, 0, 0, time.UTC)
	contract := newContract(t)
	for _, test := range []struct {
		name   string
		change func(*command)
		field  string // empty: valid
	}{
		{"full", func(c *command) {}, ""},
		{"id at its limit", func(c *command) { c.ID = strings.Repeat("x", 64) }, ""},
		{"id too long", func(c *command) { c.ID = strings.Repeat("x", 65) }, "id"},
		{"id missing", func(c *command) { c.ID = "" }, "id"},
		{"id with a dot", func(c *command) { c.ID = "a.b" }, "id"},
		{"workNo missing", func(c *command) { c.WorkNo = "" }, "workNo"},
		{"inspector out of range", func(c *command) { c.Inspector = "100" }, "inspector"},
		{"inspector is the agent", func(c *command) { c.Inspector = c.WorkNo }, "inspector"},
		{"reason at its limit, in characters", func(c *command) { c.Reason = strings.Repeat("ü", 256) }, ""},
		{"reason too long", func(c *command) { c.Reason = strings.Repeat("ü", 257) }, "reason"},
		{"reason not UTF-8", func(c *command) { c.Reason = "\xff" }, "reason"},
		{"reason with escape", func(c *command) { c.Reason = "\x1b[2J" }, "reason"},
		{"requestedBy at its limit", func(c *command) { c.RequestedBy = strings.Repeat("😀", 128) }, ""},
		{"requestedBy too long", func(c *command) { c.RequestedBy = strings.Repeat("x", 129) }, "requestedBy"},
		{"requestedBy with C1 control", func(c *command) { c.RequestedBy = "a\u0085b" }, "requestedBy"},
		{"replyTo not allowed but well-formed", func(c *command) { c.ReplyTo = "anywhere.else" }, ""},
		{"replyTo wildcard", func(c *command) { c.ReplyTo = "a.>" }, "replyTo"},
		{"meta at its limits", func(c *command) { c.Meta = metaOf(16, 2048) }, ""},
		{"meta with too many entries", func(c *command) { c.Meta = metaOf(17, 170) }, "meta"},
		{"meta too large", func(c *command) { c.Meta = metaOf(16, 2049) }, "meta"},
		{"meta name with control", func(c *command) { c.Meta = map[string]string{"a\n": "b"} }, "meta"},
		{"meta value not UTF-8", func(c *command) { c.Meta = map[string]string{"a": "\xff"} }, "meta"},
		{"expires with notBefore", func(c *command) { c.NotBefore, c.ExpiresAt = at, at }, "expiresAt"},
		{"expires just after notBefore", func(c *command) { c.NotBefore, c.ExpiresAt, c.GraceUntil = at, at.Add(1), at }, ""},
		{"idle without grace", func(c *command) { c.GraceUntil = time.Time{} }, "whenIdle"},
		{"grace without idle", func(c *command) { c.WhenIdle = false }, "graceUntil"},
		{"wrap-up without idle", func(c *command) { c.WhenIdle, c.GraceUntil = false, time.Time{} }, "wrapUp"},
		{"stay out too soon", func(c *command) { c.StayOut = messages.Duration(9 * time.Second) }, "stayOut"},
		{"stay out too late", func(c *command) { c.StayOut = messages.Duration(61 * time.Minute) }, "stayOut"},
		{"no wrap-up", func(c *command) { c.WrapUp = 0 }, ""},
		{"an hour of wrap-up", func(c *command) { c.WrapUp = messages.Duration(time.Hour) }, ""},
		{"more wrap-up", func(c *command) { c.WrapUp = messages.Duration(time.Hour + 1) }, "wrapUp"},
		{"less wrap-up than nothing", func(c *command) { c.WrapUp = -1 }, "wrapUp"},
		{"hardly any wrap-up", func(c *command) { c.WrapUp = 1 }, "wrapUp"},
		{"grace as long as the command", func(c *command) { c.GraceUntil = c.ExpiresAt }, "graceUntil"},
		{"grace without expiry", func(c *command) { c.ExpiresAt = time.Time{} }, ""},
		{"expires before it was issued", func(c *command) {
			c.NotBefore, c.IssuedAt, c.ExpiresAt = time.Time{}, at, at.Add(-time.Hour)
			c.WhenIdle, c.GraceUntil, c.WrapUp = false, time.Time{}, 0
		}, ""}, // late, not invalid: its outcome is expired
		{"year 10000", func(c *command) { c.IssuedAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, "issuedAt"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := fullCommand()
			test.change(&c)
			err := c.Validate()
			checkField(t, err, test.field)
			if _, encodeErr := c.Encode(); (encodeErr == nil) != (err == nil) {
				t.Errorf("Encode: %v, Validate: %v", encodeErr, err)
			}
			if data, err := json.Marshal(c); err == nil { // else no JSON can have it
				if err := contract.Command(data); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// metaOf has n entries whose names and values take size bytes together.
func metaOf(n, size int) map[string]string {
	meta := make(map[string]string)
	for i := range n - 1 {
		meta[fmt.Sprintf("%04d", i)] = "12345\"" // ten bytes each
	}
	meta["last"] = strings.Repeat(`"`, size-10*(n-1)-4)
	return meta
}

func checkField(t *testing.T, err error, field string) {
	t.Helper()
	if field == "" {
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		return
	}
	if err == nil {
		t.Fatalf("accepted, want an error about %s", field)
	}
	checkInvalid(t, err)
	if got := err.(*messages.InvalidError).Field; got != field {
		t.Errorf("error about %q, want %q: %v", got, field, err)
	}
}

func TestNames(t *testing.T) {
	for _, test := range []struct {
		field    string
		validate func(string) error
		good     []string
		bad      []string
	}{
		{"id", messages.ValidateID,
			[]string{"a", "A-z_0", "-", strings.Repeat("9", 64)},
			[]string{"", "a.b", "a b", "*", ">", "ä", "a\n", strings.Repeat("9", 65)}},
		{"vcc", messages.ValidateVCC,
			[]string{messages.DefaultVCC, "Kiel_2", strings.Repeat("v", 32)},
			[]string{"", messages.AnyToken, "a/b", strings.Repeat("v", 33), "\x00"}},
		{"workNo", messages.ValidateWorkNo,
			[]string{"101", "110", "200", "999", "1000", "30012", "999999"},
			[]string{"", "9", "99", "100", "0101", "012", "1000000", "+101", "-101", "1e3", "10.1", " 101", "١٢٣", "３００"}},
	} {
		for _, s := range test.good {
			checkField(t, test.validate(s), "")
		}
		for _, s := range test.bad {
			checkField(t, test.validate(s), test.field)
		}
	}
}

func TestInvalidErrorIsAlwaysOneShortLine(t *testing.T) {
	for _, nasty := range []string{
		"a\r\nNats-Msg-Id: x", "\x00\x1b[31m", strings.Repeat("\xff", 5000),
		strings.Repeat("😀", 5000), "\u2028\u202e\ufeff", strings.Repeat("\U000e0001", 500),
	} {
		checkHeaderText(t, (&messages.InvalidError{Field: nasty, Problem: nasty}).Error())
		checkHeaderText(t, messages.ValidateID(nasty).Error())
		_, err := messages.DecodeCommand([]byte(nasty))
		checkHeaderText(t, err.Error())
	}
}
