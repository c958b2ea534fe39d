package gateway

import (
	"net/http"
	"strings"
	"testing"
	"unicode"
)

// FuzzParse: whatever a gateway sends, nothing panics, and no text of it can forge
// a log line or a header.
func FuzzParse(f *testing.F) {
	for _, seed := range []struct{ guid, body string }{
		{"JSESSIONID=" + secretGUID, `{"message":"","retcode":"0","result":{}}`},
		{"", `{"msg":"no\r\nX-Evil: 1","retcode":900002}`},
		{"a b", `{"retcode":"0","result":{"workno":"30012","status":7,"ctiStatus":"4","logindate":"1700000000000"}}`},
		{"", `{"retcode":"0","event":{"eventType":"QC_AgentState_Notify","workNo":1,"content":{"subtype":"QC_AgentState_Logout","monitoredagent":30012}}}`},
		{"", `{"retcode":"0","result":{"isForceChange":true}}`},
		{"", `<html>`}, {"", ``}, {"", `[]`}, {"", `{"retcode":{}}`}, {"", "{\"message\":\"\xff\u2028\"}"},
	} {
		f.Add(seed.guid, []byte(seed.body))
	}
	f.Fuzz(func(t *testing.T, guid string, body []byte) {
		resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Set-Guid": {guid}, "Retry-After": {guid}}}
		answer := parseAnswer(resp, body)
		event := parseEvent(body)
		state := parseState(body, "30012")
		for _, text := range []string{answer.Retcode, answer.Message, answer.GUID, event.Type, event.WorkNo, event.Out} {
			if len(text) > maxMessage || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q is taken over", text)
			}
		}
		if state.Presence != PresenceSignedIn && (state.Doing != ActivityUnknown || state.For != 0 || !state.SignedInAt.IsZero()) {
			t.Errorf("state %+v", state)
		}
		if answer.RetryAfter < 0 {
			t.Errorf("retry after %v", answer.RetryAfter)
		}
	})
}
