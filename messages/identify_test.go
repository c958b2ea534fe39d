package messages_test

import (
	"strings"
	"testing"

	"github.com/forcelogout/forcelogout/messages"
)

func TestIdentify(t *testing.T) {
	for _, test := range []struct {
		name, data string
		ok         bool
	}{
		{"valid", `{"id":"a","workNo":"101"}`, true},
		{"other order", `{"workNo":"101","id":"a"}`, true},
		{"unknown field", `{"id":"a","x":{"id":"b","y":[{}]},"workNo":"101"}`, true},
		{"other field repeated", `{"id":"a","x":1,"x":2,"workNo":"101","x":3}`, true},
		{"other field of a wrong type", `{"id":"a","reason":null,"workNo":"101"}`, true},
		{"trailing data", `{"id":"a","workNo":"101"}{"id":"b"}`, true},
		{"broken afterwards", `{"id":"a","workNo":"101","reason":`, true},
		{"invalid UTF-8 elsewhere", "{\"id\":\"a\",\"reason\":\"\xff\",\"workNo\":\"101\"}", true},
		{"too large", `{"reason":"` + strings.Repeat("x", 1<<16) + `","id":"a","workNo":"101"}`, true},
		{"escaped", `{"\u0069d":"\u0061","workNo":"101"}`, true},

		{"empty", ``, false},
		{"array", `["id","a","workNo","101"]`, false},
		{"only one", `{"id":"a"}`, false},
		{"id repeated", `{"id":"a","workNo":"101","id":"a"}`, false},
		{"id repeated with another type", `{"id":"a","workNo":"101","id":null}`, false},
		{"id repeated and broken", `{"id":"a","workNo":"101","id":"b`, false},
		{"workNo repeated", `{"id":"a","workNo":"101","workNo":"102"}`, false},
		{"workNo a number", `{"id":"a","workNo":101}`, false},
		{"id invalid", `{"id":"a.b","workNo":"101"}`, false},
		{"id invalid UTF-8", "{\"id\":\"\xff\",\"workNo\":\"101\"}", false},
		{"workNo invalid", `{"id":"a","workNo":"9"}`, false},
		{"broken between", `{"id":"a" "workNo":"101"}`, false},
		{"wrong case", `{"ID":"a","workNo":"101"}`, false},
		{"only nested", `{"command":{"id":"a","workNo":"101"}}`, false},
		{"very deep", `{"x":` + strings.Repeat("[", 1<<17), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			id, workNo, ok := messages.Identify([]byte(test.data))
			if ok != test.ok {
				t.Fatalf("got %q %q %v", id, workNo, ok)
			}
			if ok && (id != "a" || workNo != "101") || !ok && id+workNo != "" {
				t.Errorf("got %q %q", id, workNo)
			}
		})
	}
}
