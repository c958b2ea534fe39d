package messages_test

import (
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/forcelogout/forcelogout/messages"
)

func fullResult() messages.Result {
	return messages.Result{
		ID: "a-1", VCC: "default", WorkNo: "30012", Inspector: "101",
		Reason: "shift-end", RequestedBy: "wfm", Meta: map[string]string{"team": "Süd", "shift": "7"},
		NotBefore: time.Date(2026, 1, 31, 19, 0, 0, 0, time.FixedZone("CET", 3600)),
		Outcome:   messages.OutcomeFailed, Cause: messages.CauseRefused,
		Retcode: "100-002", Message: "no right", HTTPStatus: 200, Error: "The gateway refused.",
		Attempts: 2, Redelivered: true, Confirmed: new(bool),
		AgentState: messages.AgentWrapUp, Conditions: messages.ConditionsUnknown, Returned: new(bool),
		IssuedAt:   time.Date(2026, 1, 31, 18, 0, 0, 0, time.UTC),
		StartedAt:  time.Date(2026, 1, 31, 19, 0, 0, 120_999_999, time.FixedZone("CET", 3600)),
		FinishedAt: time.Date(2026, 1, 31, 18, 0, 1, 5e8, time.UTC),
		Worker:     "w1",
	}
}

func TestResultEncode(t *testing.T) {
	for _, test := range []struct {
		name   string
		result messages.Result
		want   string
	}{
		{"full", fullResult(), `{"id":"a-1","vcc":"default","workNo":"30012","inspector":"101",` +
			`"reason":"shift-end","requestedBy":"wfm","meta":{"shift":"7","team":"Süd"},"notBefore":"2026-01-31T18:00:00.000Z",` +
			`"outcome":"failed","cause":"refused","retcode":"100-002","message":"no right","httpStatus":200,` +
			`"error":"The gateway refused.","attempts":2,"redelivered":true,"confirmed":false,` +
			`"agentState":"wrap_up","conditions":"unknown","returned":false,` +
			`"issuedAt":"2026-01-31T18:00:00.000Z","startedAt":"2026-01-31T18:00:00.120Z",` +
			`"finishedAt":"2026-01-31T18:00:01.500Z","worker":"w1"}`},
		{"least", messages.Result{ID: "a", VCC: "v", WorkNo: "101", Outcome: messages.OutcomeSignedOut},
			`{"id":"a","vcc":"v","workNo":"101","outcome":"signed_out","attempts":0}`},
		{"broken text", messages.Result{ID: "a", Message: "\xffx", Worker: "w\xff"},
			`{"id":"a","vcc":"","workNo":"","outcome":"","message":"` + "\ufffdx" + `","attempts":0,"worker":"w` + "\ufffd" + `"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.result.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestResultRoundTrip(t *testing.T) {
	want := fullResult()
	data, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := messages.DecodeResult(data)
	if err != nil {
		t.Fatal(err)
	}
	want.NotBefore, want.StartedAt = want.NotBefore.UTC(), want.StartedAt.UTC().Truncate(time.Millisecond)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestResultTextsAreCut(t *testing.T) {
	for name, text := range map[string]string{
		"ASCII":         strings.Repeat("x", 1<<20),
		"odd boundary":  "x" + strings.Repeat("ü", 1024),
		"wide":          "xx" + strings.Repeat("😀", 1024),
		"broken within": strings.Repeat("ab\xff", 2000),
	} {
		t.Run(name, func(t *testing.T) {
			data, err := messages.Result{ID: "a", Message: text, Error: text}.Encode()
			if err != nil {
				t.Fatal(err)
			}
			r, err := messages.DecodeResult(data)
			if err != nil {
				t.Fatal(err)
			}
			for _, got := range []string{r.Message, r.Error} {
				if len(got) > 1024 || len(got) <= 1024-utf8.UTFMax || !utf8.ValidString(got) {
					t.Errorf("%d bytes, ends with %q", len(got), got[len(got)-8:])
				}
				if !strings.HasPrefix(strings.ToValidUTF8(text, "\ufffd"), got) {
					t.Error("not the start of the text")
				}
			}
		})
	}
}

func TestDecodeResult(t *testing.T) {
	r, err := messages.DecodeResult([]byte(`{"id":"a","outcome":"paused","attempts":1,"new":{"x":[1]}}`))
	if err != nil || r.ID != "a" || r.Outcome != "paused" || r.Attempts != 1 {
		t.Errorf("an extended result: %+v, %v", r, err)
	}
	if r.Outcome.Success() {
		t.Error("an unknown outcome is a success")
	}
	for _, bad := range []string{``, `null`, `{}`, `[]`, `{"id":1}`, `{"id":"a"}x`, `{"id":"a","attempts":"1"}`} {
		if r, err := messages.DecodeResult([]byte(bad)); err == nil || !reflect.DeepEqual(r, messages.Result{}) {
			t.Errorf("%s: %+v, %v", bad, r, err)
		}
	}
}

func TestOutcomes(t *testing.T) {
	var good []messages.Outcome
	for _, o := range messages.Outcomes() {
		if o.Success() {
			good = append(good, o)
		}
	}
	want := []messages.Outcome{"signed_out", "already_signed_out"}
	if !reflect.DeepEqual(good, want) || len(messages.Outcomes()) != 7 {
		t.Errorf("successes %v of %v", good, messages.Outcomes())
	}
}

func TestCloudEvent(t *testing.T) {
	r := fullResult()
	want := map[string]string{
		"ce-specversion": "1.0", "ce-id": "a-1", "ce-source": "/forcelogout/kiel",
		"ce-type": "forcelogout.result.v1", "ce-subject": "default/30012",
		"ce-time": "2026-01-31T18:00:01.500Z",
	}
	if got := maps.Collect(r.CloudEvent("/forcelogout/kiel")); !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	r.FinishedAt = time.Time{}
	if at, ok := maps.Collect(r.CloudEvent("/x"))["ce-time"]; ok {
		t.Errorf("ce-time %q of no time", at)
	}
}
