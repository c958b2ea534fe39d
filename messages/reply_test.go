package messages_test

import (
	"strings"
	"testing"

	"github.com/forcelogout/forcelogout/messages"
)

func TestReplyPatternsAllow(t *testing.T) {
	mixed := messages.ReplyPatterns{"exact.one", "a.*.c", "b.*", "d.*.>"}
	for _, test := range []struct {
		patterns messages.ReplyPatterns
		subject  string
		ok       bool
	}{
		{messages.DefaultReplyPatterns(), "_INBOX.x.y", true},
		{messages.DefaultReplyPatterns(), "forcelogout.replies.wfm", true},
		{messages.DefaultReplyPatterns(), "_INBOX", false},
		{messages.DefaultReplyPatterns(), "_INBOXES.x", false},
		{messages.DefaultReplyPatterns(), "forcelogout.commands.default", false},
		{messages.DefaultReplyPatterns(), "_inbox.x", false},
		{mixed, "exact.one", true},
		{mixed, "exact", false},
		{mixed, "exact.one.more", false},
		{mixed, "a.b.c", true},
		{mixed, "a.b.d", false},
		{mixed, "a.b", false},
		{mixed, "b.c", true},
		{mixed, "b.c.d", false},
		{mixed, "d.e", false},
		{mixed, "d.e.f.g", true},
		{nil, "_INBOX.x", false},

		{mixed, "", false},
		{mixed, "b.", false},
		{mixed, "b.*", false},
		{mixed, "b.x*", false},
		{mixed, "d.e.>", false},
		{mixed, "d.e..f", false},
		{mixed, "b.x y", false},
		{mixed, "b.x\r\n", false},
		{mixed, "b.\u00a0", false},
		{mixed, "b.\xff", false},
		{mixed, "b." + strings.Repeat("x", 254), true},
		{mixed, "b." + strings.Repeat("x", 255), false},
		{messages.ReplyPatterns{">"}, "$JS.API.STREAM.DELETE.X", false}, // even where Validate was forgotten
	} {
		field := "replyTo"
		if test.ok {
			field = ""
		}
		t.Run(test.subject, func(t *testing.T) { checkField(t, test.patterns.Allow(test.subject), field) })
	}
}

func TestReplyPatternsValidate(t *testing.T) {
	good := messages.ReplyPatterns{"a", "a.b", "a.*", "a.>", "a.*.b.>", "_INBOX.>", "a.$x"}
	checkField(t, good.Validate(), "")
	checkField(t, messages.DefaultReplyPatterns().Validate(), "")
	checkField(t, messages.ReplyPatterns(nil).Validate(), "")
	for _, bad := range []string{"", ">", "*", "*.a", "$JS.>", "$SYS", "a.>.b", "a..b", "a.", "a.b*", "a.*>", "a b", "a\n.>"} {
		checkField(t, messages.ReplyPatterns{"fine.>", bad}.Validate(), "allow-reply")
	}
}
