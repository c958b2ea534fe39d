package messages_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

func TestProgress(t *testing.T) {
	at := time.Date(2026, 1, 31, 18, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		progress messages.Progress
		want     string
	}{
		{messages.Progress{ID: "a", VCC: "v", WorkNo: "101", Phase: messages.PhaseAttempt, Attempt: 1,
			Retcode: "0", HTTPStatus: 200, Worker: "w1", At: at},
			`{"id":"a","vcc":"v","workNo":"101","phase":"attempt","attempt":1,"retcode":"0","httpStatus":200,` +
				`"worker":"w1","at":"2026-01-31T18:00:00.000Z"}`},
		{messages.Progress{ID: "a", VCC: "v", WorkNo: "101", Phase: messages.PhaseWait, Error: "no answer",
			Until: at.Add(1500 * time.Millisecond), HandedBack: true, At: at},
			`{"id":"a","vcc":"v","workNo":"101","phase":"wait","error":"no answer",` +
				`"until":"2026-01-31T18:00:01.500Z","handedBack":true,"at":"2026-01-31T18:00:00.000Z"}`},
	} {
		data, err := test.progress.Encode()
		if err != nil || string(data) != test.want {
			t.Errorf("got  %s, %v\nwant %s", data, err, test.want)
		}
		if got, err := messages.DecodeProgress(data); err != nil || !reflect.DeepEqual(got, test.progress) {
			t.Errorf("got  %+v, %v\nwant %+v", got, err, test.progress)
		}
	}
	if p, err := messages.DecodeProgress([]byte(`{"id":"a","phase":"later","new":1}`)); err != nil || p.Phase != "later" {
		t.Errorf("an extended progress: %+v, %v", p, err)
	}
	for _, bad := range []string{``, `null`, `{}`, `{"id":"a"}{}`} {
		if _, err := messages.DecodeProgress([]byte(bad)); err == nil {
			t.Errorf("accepted %s", bad)
		}
	}
}
