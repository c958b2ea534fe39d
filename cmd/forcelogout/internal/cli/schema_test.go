package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/messages"
)

// TestSchemaCommand: it prints each of the published documents, by default AsyncAPI's.
func TestSchemaCommand(t *testing.T) {
	t.Parallel()
	for _, name := range append(messages.SchemaNames(), "") {
		args := strings.Fields("schema " + name)
		code, out, errOut := invoke(context.Background(), args...)
		want, err := messages.Schema(cmp.Or(name, "asyncapi"))
		if err != nil {
			t.Fatal(err)
		}
		if code != exit.OK || out != string(want) || errOut != "" || !json.Valid([]byte(out)) {
			t.Errorf("%v: exit %d, %q, %.80q", args, code, errOut, out)
		}
	}
	if code, _, errOut := invoke(context.Background(), "schema", "openapi"); code != exit.Usage || !strings.Contains(errOut, "dead-letter") {
		t.Errorf("exit %d, %s", code, errOut)
	}
}
