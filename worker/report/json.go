package report

import (
	"encoding/json"
	"io"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// jsonRow is a result as it was published, with what a report says of it.
type jsonRow struct {
	Kind string `json:"kind"`
	messages.Result
	Name         string `json:"name,omitempty"`
	Team         string `json:"team,omitempty"`
	Shift        string `json:"shift,omitempty"`
	OutcomeWords string `json:"outcomeWords"`
	CauseWords   string `json:"causeWords,omitempty"`
}

// jsonEnd is the report as a whole. It comes last, so that whoever reads it has had all.
type jsonEnd struct {
	Kind     string                   `json:"kind"`
	On       string                   `json:"on"`
	TZ       string                   `json:"tz"`
	From     time.Time                `json:"from"`
	To       time.Time                `json:"to"`
	VCC      string                   `json:"vcc,omitempty"`
	AsOf     time.Time                `json:"asOf"`
	Whole    bool                     `json:"whole"` // nothing of the day is known to be missing
	Notes    []string                 `json:"notes,omitempty"`
	Results  int                      `json:"results"`
	Agents   int                      `json:"agents"`
	Outcomes map[messages.Outcome]int `json:"outcomes"`
	Shifts   []jsonShift              `json:"shifts"`
}

type jsonShift struct {
	VCC      string                   `json:"vcc"`
	Shift    string                   `json:"shift"`
	Results  int                      `json:"results"`
	Outcomes map[messages.Outcome]int `json:"outcomes"`
}

// JSON writes one document per line: each row, of kind result, and at last one of kind
// report with the totals.
func JSON(w io.Writer, r Report) error {
	out := json.NewEncoder(w)
	for _, row := range r.Rows {
		if err := out.Encode(jsonRow{"result", row.Result, row.Name, row.Team, row.Shift, row.Outcome.Words(), row.Cause.Words()}); err != nil {
			return err
		}
	}
	end := jsonEnd{
		Kind: "report", On: r.Day.Date.Format(time.DateOnly), TZ: r.Day.From.Location().String(), From: r.Day.From, To: r.Day.To, VCC: r.VCC,
		AsOf: r.AsOf.UTC(), Whole: len(r.Gaps()) == 0, Notes: r.Notes(),
		Results: len(r.Rows), Agents: r.Agents(), Outcomes: r.Total().Outcomes, Shifts: []jsonShift{},
	}
	for _, t := range r.Shifts() {
		end.Shifts = append(end.Shifts, jsonShift{t.VCC, t.Shift, t.All, t.Outcomes})
	}
	return out.Encode(end)
}
