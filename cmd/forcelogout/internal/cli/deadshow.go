package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/worker/client"
)

type deadShowCommand struct {
	letters
	JSON bool `name:"json" help:"One JSON document per line."`
	Raw  bool `help:"The payload alone, as it came."`
}

func (c *deadShowCommand) Run(ctx context.Context, std console.IO) error {
	if c.JSON && c.Raw {
		return exit.Misused(errors.New("--json and --raw: give one of them"))
	}
	return c.each(ctx, std, func(ctx context.Context, cl *client.Client, number uint64) error {
		l, err := cl.Letter(ctx, number)
		if err != nil {
			return fmt.Errorf("dead letter %d: %w", number, err)
		}
		switch {
		case c.Raw:
			_, err = std.Out.Write(l.Data)
		case c.JSON:
			_, err = fmt.Fprintln(std.Out, letterJSON(l))
		default:
			err = showLetter(std.Out, l)
		}
		return err
	})
}

func showLetter(out io.Writer, l client.Letter) error {
	size := console.Plural(len(l.Data), "byte")
	if l.Cut {
		size = "the first " + size
	}
	_, err := fmt.Fprintf(out, "number   %d\nvcc      %s\nstored   %s\nsubject  %s\nreason   %s\npayload  %s\n\n%s\n",
		l.Sequence, console.Printable(l.VCC), l.Stored.Local().Format(time.DateTime), console.Printable(l.Subject), console.Printable(l.Reason), size, console.Printable(string(l.Data)))
	return err
}
