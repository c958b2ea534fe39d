package messages_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/forcelogout/forcelogout/messages"
)

// full has every field of the contract's table.
const full = `{
	"id": "0197f3a2-6b1c-7e58-9d34-0c5be1f2a777",
	"workNo": "30012",
	"inspector": "101",
	"issuedAt": "2026-01-31T17:59:58.5Z",
	"notBefore": "2026-01-31T19:00:00+01:00",
	"expiresAt": "2026-01-31T18:15:00Z",
	"reason": "shift-end",
	"requestedBy": "workforce planning",
	"replyTo": "forcelogout.replies.wfm",
	"meta": {"shift": "late-7", "team": "Süd"},
	"signedInBefore": "2026-01-31T17:30:00Z",
	"whenIdle": true,
	"graceUntil": "2026-01-31T18:10:00Z",
	"wrapUp": "90s",
	"stayOut": "2m"
}`

func fullCommand() messages.Command {
	return messages.Command{
		ID:          "0197f3a2-6b1c-7e58-9d34-0c5be1f2a777",
		WorkNo:      "30012",
		Inspector:   "101",
		IssuedAt:    time.Date(2026, 1, 31, 17, 59, 58, 5e8, time.UTC),
		NotBefore:   time.Date(2026, 1, 31, 18, 0, 0, 0, time.UTC),
		ExpiresAt:   time.Date(2026, 1, 31, 18, 15, 0, 0, time.UTC),
		Reason:      "shift-end",
		RequestedBy: "workforce planning",
		ReplyTo:     "forcelogout.replies.wfm",
		Meta:        map[string]string{"shift": "late-7", "team": "Süd"},

		SignedInBefore: time.Date(2026, 1, 31, 17, 30, 0, 0, time.UTC),
		WhenIdle:       true,
		GraceUntil:     time.Date(2026, 1, 31, 18, 10, 0, 0, time.UTC),
		WrapUp:         messages.Duration(90 * time.Second),
		StayOut:        messages.Duration(2 * time.Minute),
	}
}

func TestDecodeCommandReadsEveryFieldOfTheContract(t *testing.T) {
	got, err := messages.DecodeCommand([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	if want := fullCommand(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestDecodeCommandAccepts(t *testing.T) {
	minimal := messages.Command{ID: "a", WorkNo: "101"}
	contract := newContract(t)
	for name, data := range map[string]string{
		"minimal":           `{"id":"a","workNo":"101"}`,
		"white space":       " \r\n\t{ \"id\" : \"a\" , \"workNo\" : \"101\" } \n",
		"not when idle":     `{"id":"a","workNo":"101","whenIdle":false}`,
		"empty meta":        `{"id":"a","workNo":"101","meta":{}}`,
		"empty audit texts": `{"id":"a","workNo":"101","reason":"","requestedBy":""}`,
		"escaped name":      `{"\u0069d":"a","workNo":"\u0031\u00301"}`,
		"exactly 8 KiB":     `{"id":"a","workNo":"101"}` + strings.Repeat(" ", messages.MaxCommandSize-25),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := messages.DecodeCommand([]byte(data))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, minimal) {
				t.Errorf("got %+v", got)
			}
			if err := contract.Command([]byte(data)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDecodeCommandRefuses(t *testing.T) {
	contract := newContract(t)
	// with puts one more member into a valid command.
	with := func(member string) string { return `{"id":"a","workNo":"101",` + member + `}` }
	for _, test := range []struct{ name, data, want string }{
		{"nothing", ``, "payload is empty"},
		{"white space only", " \n", "payload is empty"},
		{"byte order mark", "\ufeff" + with(`"reason":"x"`), "byte order mark"},
		{"null", `null`, "must be an object, got null"},
		{"array", `[{"id":"a","workNo":"101"}]`, "must be an object, got an array"},
		{"string", `"sign out 101"`, "must be an object, got a string"},
		{"not JSON", `sign out 101`, "broken JSON after byte 0"},
		{"cut off", `{"id":"a","workNo":"10`, "workNo: the JSON ends too early"},
		{"cut off after a member", `{"id":"a"`, "the JSON ends too early"},
		{"trailing comma", `{"id":"a","workNo":"101",}`, "broken JSON after byte"},
		{"trailing object", `{"id":"a","workNo":"101"}{}`, "one command per message"},
		{"trailing text", `{"id":"a","workNo":"101"} x`, "one command per message"},
		{"too large", `{"id":"a","workNo":"101"}` + strings.Repeat(" ", messages.MaxCommandSize-24), "8193 bytes, at most 8192"},
		{"no id", `{"workNo":"101"}`, "id: is required"},
		{"no workNo", `{"id":"a"}`, "workNo: is required"},
		{"workNo too short", `{"id":"a","workNo":"9"}`, `workNo: must be decimal 101-999999 without a leading zero, got "9"`},
		{"workNo a number", `{"id":"a","workNo":101}`, "workNo: must be a string, got a number, put it in quotes"},
		{"workNo null", `{"id":"a","workNo":null}`, "workNo: must be a string, got null, leave the field out"},
		{"optional null", with(`"expiresAt":null`), "expiresAt: must be a string, got null, leave the field out"},
		{"meta null", with(`"meta":null`), "meta: must be an object, got null, leave the field out"},
		{"unknown", with(`"priority":"high"`), `unknown field "priority", allowed are id, workNo`},
		{"optional truth null", with(`"whenIdle":null`), "whenIdle: must be"},
		{"truth in quotes", with(`"whenIdle":"true"`), "whenIdle: must be"},
		{"wrong case", with(`"expiresat":"2026-01-31T18:15:00Z"`), `unknown field "expiresat", did you mean expiresAt?`},
		{"snake case", with(`"expires_at":"2026-01-31T18:15:00Z"`), `unknown field "expires_at", did you mean expiresAt?`},
		{"wrong case besides the right one", with(`"WorkNo":"102"`), `did you mean workNo?`},
		{"duplicate", with(`"id":"b"`), "id: is given more than once"},
		{"duplicate by escape", with(`"i\u0064":"a"`), "id: is given more than once"},
		{"duplicate in meta", with(`"meta":{"k":"1","k":"2"}`), `meta: entry "k" is given more than once`},
		{"inspector empty", with(`"inspector":""`), "inspector: must not be \"\""},
		{"replyTo empty", with(`"replyTo":""`), "replyTo: must not be \"\""},
		{"time without offset", with(`"expiresAt":"2026-01-31T18:15:00"`), "expiresAt: must be an RFC 3339 time with offset"},
		{"time with a comma", with(`"expiresAt":"2026-01-31T18:15:00,5Z"`), "expiresAt: must be an RFC 3339"},
		{"time empty", with(`"notBefore":""`), "notBefore: must be an RFC 3339"},
		{"time with a short hour", with(`"expiresAt":"2026-01-31T8:15:00Z"`), "expiresAt: must be an RFC 3339"},
		{"time with a point only", with(`"expiresAt":"2026-01-31T18:15:00.Z"`), "expiresAt: must be an RFC 3339"},
		{"time with a wide offset", with(`"expiresAt":"2026-01-31T18:15:00+24:00"`), "expiresAt: must be an RFC 3339"},
		{"time of no day", with(`"expiresAt":"2026-02-30T18:15:00Z"`), "expiresAt: must be an RFC 3339"},
		{"date only", with(`"expiresAt":"2026-01-31"`), "expiresAt: must be an RFC 3339"},
		{"time with text after it", with(`"expiresAt":"2026-01-31T18:15:00Zulu"`), "expiresAt: must be an RFC 3339"},
		{"time as Unix", with(`"issuedAt":1769882400`), "issuedAt: must be a string, got a number"},
		{"zero time", with(`"expiresAt":"0001-01-01T00:00:00Z"`), "expiresAt: must be a real time"},
		{"time beyond UTC years", with(`"expiresAt":"9999-12-31T23:59:59-01:00"`), "expiresAt: must be within the years"},
		{"meta value a number", with(`"meta":{"shift":7}`), `meta: entry "shift" must be a string, got a number`},
		{"meta nested", with(`"meta":{"a":{"b":"c"}}`), `meta: entry "a" must be a string, got an object`},
		{"invalid UTF-8", with("\"reason\":\"\xff\""), "reason: broken JSON"},
		{"lone surrogate", with(`"reason":"\ud800"`), "reason: broken JSON"},
		{"raw control character", with("\"reason\":\"a\nb\""), "reason: broken JSON"},
		{"escaped control character", with(`"reason":"a\nb"`), `reason: must not contain control characters (line breaks, tabs), got "a\nb"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := messages.DecodeCommand([]byte(test.data))
			checkInvalid(t, err)
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %s\nwant %s", err, test.want)
			}
			if !reflect.DeepEqual(got, messages.Command{}) {
				t.Errorf("a refused command is not empty: %+v", got)
			}
			if err := contract.Command([]byte(test.data)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestUnknownFieldSuggestsEveryKnownOne(t *testing.T) {
	var fields map[string]any
	if err := json.Unmarshal([]byte(full), &fields); err != nil {
		t.Fatal(err)
	}
	for field := range fields {
		_, err := messages.DecodeCommand([]byte(`{"` + strings.ToUpper(field) + `":""}`))
		checkInvalid(t, err)
		if !strings.HasSuffix(err.Error(), "did you mean "+field+"?") {
			t.Error(err)
		}
	}
}

// checkInvalid wants an *InvalidError that can be a NATS header.
func checkInvalid(t *testing.T, err error) {
	t.Helper()
	var invalid *messages.InvalidError
	if !errors.As(err, &invalid) {
		t.Fatalf("got %T (%v), want *InvalidError", err, err)
	}
	checkHeaderText(t, invalid.Error())
}
