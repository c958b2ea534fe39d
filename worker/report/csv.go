package report

import (
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// Columns are the names of a line's cells. A file with more columns has them where more
// stands.
func Columns(more ...string) []string {
	return slices.Concat(
		[]string{"id", "vcc", "workNo", "outcome", "cause", "retcode", "attempts", "redelivered", "startedAt", "finishedAt", "error"}, more,
		[]string{"issuedAt", "notBefore", "planned", "ended", "name", "team", "shift", "outcomeWords", "causeWords",
			"inspector", "requestedBy", "reason", "confirmed", "message",
			"agentState", "conditions", "returned"})
}

// Cells are a row's line under Columns, safe for a spreadsheet. The cells planned and
// ended are by the clock of loc, all other times are UTC. A row without an outcome is of
// a command that has no result.
func (r Row) Cells(loc *time.Location, more ...string) []string {
	attempts, redelivered := "", ""
	if r.Outcome != "" {
		attempts, redelivered = strconv.Itoa(r.Attempts), strconv.FormatBool(r.Redelivered)
	}
	cells := slices.Concat(
		[]string{r.ID, r.VCC, r.WorkNo, string(r.Outcome), string(r.Cause), r.Retcode, attempts, redelivered,
			stamp(r.StartedAt), stamp(r.FinishedAt), r.Error}, more,
		[]string{stamp(r.IssuedAt), stamp(r.NotBefore), local(r.NotBefore, loc), local(r.Ended, loc), r.Name, r.Team, r.Shift,
			r.Outcome.Words(), r.Cause.Words(), r.Inspector, r.RequestedBy, r.Reason, truth(r.Confirmed), r.Message,
			string(r.AgentState), r.Conditions, truth(r.Returned)})
	for i, cell := range cells {
		cells[i] = harmless(cell)
	}
	return cells
}

// harmless keeps a spreadsheet from taking text from outside for a formula. It puts an
// apostrophe before it, as the spreadsheet itself does for text.
func harmless(cell string) string {
	begin := strings.TrimLeft(cell, " \u00a0")
	if begin != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(begin)[0]) {
		return "'" + cell
	}
	return cell
}

func truth(is *bool) string {
	if is == nil {
		return ""
	}
	return strconv.FormatBool(*is)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func local(t time.Time, loc *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return t.In(loc).Format(time.DateTime)
}

// CSV writes a line for each row, below one with the names of the columns.
func CSV(w io.Writer, r Report) error {
	out := csv.NewWriter(w)
	_ = out.Write(Columns()) // Error tells
	for _, row := range r.Rows {
		_ = out.Write(row.Cells(r.Day.From.Location()))
	}
	out.Flush()
	return out.Error()
}

// Missing is the row of a command that has no result, and why.
func Missing(vcc, id, workNo, why string) Row {
	return Row{Result: messages.Result{ID: id, VCC: vcc, WorkNo: workNo, Error: why}}
}
