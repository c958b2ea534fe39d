package messages_test

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/forcelogout/forcelogout/messages"
)

// byTags is an event's JSON as its tags say.
func byTags(t *rapid.T, event any) string {
	form := json.WithMarshalers(json.MarshalToFunc(func(out *jsontext.Encoder, at time.Time) error {
		return out.WriteToken(jsontext.String(at.UTC().Format("2006-01-02T15:04:05.000Z")))
	}))
	data, err := json.Marshal(event, form, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// anyText has all that needs care in JSON, and stays below what is cut.
var anyText = rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "\"\\/\b\n", "a\u2028b", "\xffa\xfe", "<&>", "\x00\x1f\x7f", "😀"})).Filter(
	func(s string) bool { return len(s) < 500 })

var anyTime = rapid.Custom(func(t *rapid.T) time.Time {
	at := time.UnixMilli(rapid.Int64Range(-62_000_000_000_000, 253_000_000_000_000).Draw(t, "ms"))
	return rapid.SampledFrom([]time.Time{{}, at, at.UTC(), at.In(time.FixedZone("", 5400)), at.Add(999_999)}).Draw(t, "time")
})

// TestEncodeByTags: events are written by hand and read by their tags, and both are
// the same.
func TestEncodeByTags(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string { return anyText.Draw(t, name) }
		at := func(name string) time.Time { return anyTime.Draw(t, name) }
		n, yes := rapid.IntRange(-1, 3).Draw(t, "number"), rapid.Bool().Draw(t, "flag")
		r := messages.Result{
			ID: text("id"), VCC: text("vcc"), WorkNo: text("workNo"), Inspector: text("inspector"), Reason: text("reason"), RequestedBy: text("requestedBy"),
			Meta:    rapid.MapOfN(rapid.StringMatching(`[ -~ü]{0,9}`), anyText, 0, 3).Draw(t, "meta"),
			Outcome: messages.Outcome(text("outcome")), Cause: messages.Cause(text("cause")), Retcode: text("retcode"), Message: text("message"), HTTPStatus: n,
			Error: text("error"), Attempts: n, Redelivered: yes, Confirmed: rapid.Ptr(rapid.Bool(), true).Draw(t, "confirmed"),
			IssuedAt: at("issuedAt"), StartedAt: at("startedAt"), FinishedAt: at("finishedAt"), Worker: text("worker"),
		}
		p := messages.Progress{
			ID: text("id"), VCC: text("vcc"), WorkNo: text("workNo"), Phase: text("phase"), Attempt: n, Retcode: text("retcode"), HTTPStatus: n,
			Error: text("error"), Until: at("until"), WaitFor: text("waitFor"), HandedBack: yes, Worker: text("worker"), At: at("at"),
		}
		s := messages.GatewayState{VCC: text("vcc"), Worker: text("worker"), State: text("state"), Error: text("error"), At: at("at")}
		for _, event := range []interface{ Encode() ([]byte, error) }{r, p, s} {
			got, err := event.Encode()
			if want := byTags(t, event); err != nil || string(got) != want {
				t.Fatalf("got  %s, %v\nwant %s", got, err, want)
			}
		}
	})
}
