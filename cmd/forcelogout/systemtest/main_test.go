package systemtest

import (
	"context"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/cli"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
)

// asProgram makes the test binary behave as forcelogout itself, so that tests can
// start it, signal it and kill it as a process.
const asProgram = "TEST_AS_FORCELOGOUT"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(cli.Program{}.Main())
	}
	// A proxy that was cut leaves what it held back.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"))
}

// run runs a command line in this process.
func run(ctx context.Context, args []string, std console.IO) int {
	return cli.Program{}.Run(ctx, args, std)
}

// invoke runs one and returns what it writes.
func invoke(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, err rig.Output
	code = run(ctx, args, console.IO{Out: &out, Err: &err})
	return code, out.String(), err.String()
}
