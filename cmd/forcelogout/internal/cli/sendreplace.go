package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/shift"
)

// replaceFlags make a shift file take the place of what was planned before.
type replaceFlags struct {
	Replace     string `placeholder:"SCOPE" help:"Withdraw what files have planned before and this one does not have any more: dates for the file's days, NAME=VALUE for that meta entry, or both with a comma."`
	MaxWithdraw string `placeholder:"PERCENT" help:"With --replace: change nothing where more than this would be withdrawn, for example 20% (default: 50%, and never fewer than 5)."`
}

const (
	// defaultBrake and freeWithdrawals are for files that nobody has set a bound for.
	defaultBrake    = 50
	freeWithdrawals = 5
	// withdrawTime is how long workers may take to say what became of a command that they
	// have in hand.
	withdrawTime = 20 * time.Second
)

func (f replaceFlags) scope() (client.Scope, error) {
	scope := client.Scope{}
	for part := range strings.SplitSeq(f.Replace, ",") {
		part = strings.TrimSpace(part)
		name, value, isMeta := strings.Cut(part, "=")
		switch {
		case part == "dates":
			scope.Dates = true
		case isMeta && name != "" && value != "":
			if scope.Meta == nil {
				scope.Meta = map[string]string{}
			}
			scope.Meta[name] = value
		default:
			return scope, fmt.Errorf("--replace %q: give dates, a meta entry such as team=Nord, or both with a comma", f.Replace)
		}
	}
	return scope, nil
}

func (f replaceFlags) brake() (client.Brake, error) {
	if f.MaxWithdraw == "" {
		return client.Brake{Percent: defaultBrake, Free: freeWithdrawals}, nil
	}
	n, err := strconv.Atoi(strings.TrimSuffix(f.MaxWithdraw, "%"))
	if err != nil || n < 0 || n > 100 || !strings.HasSuffix(f.MaxWithdraw, "%") {
		return client.Brake{}, fmt.Errorf("--max-withdraw %q: give a share from 0%% to 100%%", f.MaxWithdraw)
	}
	if n == 0 {
		return client.Brake{None: true}, nil
	}
	return client.Brake{Percent: n}, nil
}

// replacing is a file on its way into the plan.
type replacing struct {
	cl     *client.Client
	std    console.IO
	json   bool
	loc    *time.Location
	counts map[client.Kind]int
}

// replace hands a file in that takes the place of earlier ones.
func (c *sendCommand) replace(ctx context.Context, std console.IO, d shift.Defaults) error {
	d.Late = true // a row whose time has passed still says that its agent is in the plan
	all, err := c.replacements(d, std)
	if err != nil {
		return exit.Misused(err)
	}
	cl, closeAll, err := c.open("send", std)
	if err != nil {
		return err
	}
	defer closeAll()
	r := &replacing{cl: cl, std: std, json: c.JSON, loc: d.Loc, counts: map[client.Kind]int{}}
	return r.run(ctx, all, c.DryRun)
}

// replacements reads the file, and returns what it says for each VCC.
func (c *sendCommand) replacements(d shift.Defaults, std console.IO) ([]client.Replacement, error) {
	scope, err := c.scope()
	if err != nil {
		return nil, err
	}
	brake, err := c.brake()
	if err != nil {
		return nil, err
	}
	rows, p, done, err := c.taken(d, std)
	if err != nil {
		return nil, err
	}
	defer done()
	p.tell(std.Err)
	by := messages.Cancellation{RequestedBy: c.RequestedBy, Reason: or(c.Reason, "not in the plan any more"), At: time.Now().UTC().Truncate(time.Millisecond)}
	var all []client.Replacement
	at := map[string]int{}
	for w, err := range wantedOf(rows, d.Loc) {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(c.File), err)
		}
		vcc := w.Order.VCC
		i, there := at[vcc]
		if !there {
			i, at[vcc] = len(all), len(all)
			all = append(all, client.Replacement{
				VCC: vcc, Scope: scope, Loc: d.Loc, Brake: brake, By: by, Patience: time.Duration(c.Timeout), Wait: withdrawTime,
			})
		}
		all[i].Rows = append(all[i].Rows, w)
	}
	return all, by.Validate()
}

// shiftColumn is the column that names a shift. It goes along in the meta.
const shiftColumn = "shiftId"

// along are the columns that tell what a plan is about.
func (f replaceFlags) along() []string {
	all := []string{shiftColumn}
	if scope, err := f.scope(); err == nil {
		all = slices.AppendSeq(all, maps.Keys(scope.Meta))
	}
	return all
}

// errOwnID: what a row of a plan is about must not hang on an id.
var errOwnID = errors.New("a row of a plan has no id of its own: leave the column id out, or call it shiftId where it names the shift")

// wantedOf are rows as a plan takes them.
func wantedOf(rows iter.Seq2[shift.Row, error], loc *time.Location) iter.Seq2[client.Wanted, error] {
	return func(yield func(client.Wanted, error) bool) {
		for row, err := range rows {
			w := wanted(row, loc)
			switch {
			case err != nil:
			case !strings.HasPrefix(row.Command.ID, "f-"):
				err = &shift.LineError{Line: row.Line, Err: errOwnID}
			case w.Order.At.IsZero():
				err = &shift.LineError{Line: row.Line, Err: errors.New("it has no time, and a plan needs one")}
			}
			if !yield(w, err) {
				return
			}
		}
	}
}

// wanted is a row as a plan takes it.
func wanted(row shift.Row, loc *time.Location) client.Wanted {
	order := client.Order{VCC: row.VCC, At: row.At, Command: row.Command}
	if order.At.Before(row.Command.NotBefore) {
		order.At = row.Command.NotBefore
	}
	w := client.Wanted{Line: row.Line, Alone: client.ShiftOf(order.Command, order.At, loc), Order: order}
	began := order.Command
	if !row.Start.IsZero() {
		began.SignedInBefore = row.Start
	}
	if row.Loc != nil {
		loc = row.Loc
	}
	w.Shift = client.ShiftOf(began, order.At, loc)
	return w
}

// run replaces the plan of each VCC, or of none where one file would withdraw too much.
func (r *replacing) run(ctx context.Context, all []client.Replacement, dry bool) error {
	for _, one := range all {
		if len(all) == 1 && !dry {
			break // Replace looks itself
		}
		changes, err := r.cl.Preview(ctx, one)
		for _, change := range changes {
			if dry {
				r.tell(one.VCC, change)
			}
		}
		if err != nil {
			return judged(err)
		}
	}
	if dry {
		r.summary(" (nothing was changed)")
		return nil
	}
	for _, one := range all {
		if err := r.cl.Replace(ctx, one, func(change client.Change) { r.tell(one.VCC, change) }); err != nil {
			return judged(err)
		}
	}
	r.summary("")
	if r.counts[client.Late]+r.counts[client.Unsure] > 0 {
		return errQuiet
	}
	return nil
}

// judged tells a file that cannot be taken as it is from other trouble.
func judged(err error) error {
	var brake *client.BrakeError
	switch {
	case errors.As(err, &brake):
		return exit.Misused(fmt.Errorf("%w (is the file complete? where that is meant, give --max-withdraw 100%%)", err))
	case errors.Is(err, client.ErrShiftTwice), errors.Is(err, client.ErrOutside):
		return exit.Misused(err)
	}
	return err
}

// tell writes what became of one shift.
func (r *replacing) tell(vcc string, change client.Change) {
	r.counts[change.Kind]++
	if r.json {
		changeJSON(r.std.Out, vcc, change)
		return
	}
	fmt.Fprintln(r.std.Out, console.Printable(changeLine(change, r.loc)))
}

func (r *replacing) summary(more string) {
	if r.json {
		return
	}
	var parts []string
	for _, kind := range client.Kinds() {
		if n := r.counts[kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind))
		}
	}
	fmt.Fprintln(r.std.Out, strings.Join(parts, ", ")+more)
}

func changeLine(c client.Change, loc *time.Location) string {
	stamp := func(t time.Time) string { return t.In(loc).Format("2006-01-02 15:04") }
	when := ""
	switch {
	case c.From.IsZero() && !c.To.IsZero():
		when = stamp(c.To)
	case !c.From.IsZero() && !c.To.IsZero() && !c.From.Equal(c.To):
		when = stamp(c.From) + " -> " + stamp(c.To)
	case !c.From.IsZero():
		when = stamp(c.From)
	}
	line := fmt.Sprintf("%-9s  %-6s  %s", c.Kind, c.WorkNo, when)
	if c.Why != "" {
		line += "  (" + c.Why + ")"
	}
	return line
}

func changeJSON(out io.Writer, vcc string, c client.Change) {
	line := struct {
		Kind   string      `json:"kind"`
		Change client.Kind `json:"change"`
		VCC    string      `json:"vcc"`
		WorkNo string      `json:"workNo"`
		Day    string      `json:"day"`
		ID     string      `json:"id,omitempty"`
		From   time.Time   `json:"from,omitzero"`
		To     time.Time   `json:"to,omitzero"`
		Line   int         `json:"line,omitempty"`
		Why    string      `json:"why,omitempty"`
	}{"change", c.Kind, vcc, c.WorkNo, c.Day, c.ID, c.From.UTC(), c.To.UTC(), c.Line, c.Why}
	if data, err := json.Marshal(line); err == nil {
		fmt.Fprintln(out, string(data))
	}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
