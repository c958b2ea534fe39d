package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
)

func receiptLine(r client.Receipt) string {
	line := r.Order.Command.ID + "  " + r.Order.Command.WorkNo + "  "
	switch {
	case r.Err == nil:
		return line + "is there already"
	case errors.Is(r.Err, client.ErrNotSent):
		return line + r.Err.Error()
	case r.State == client.Undecided:
		return line + "undecided: " + r.Err.Error() + "; send the same id again"
	}
	return line + "not sent: " + explained(r.Err).Error()
}

func receiptJSON(out io.Writer, r client.Receipt, what string) {
	line := struct {
		Kind   string           `json:"kind"`
		ID     string           `json:"id"`
		VCC    string           `json:"vcc"`
		WorkNo string           `json:"workNo"`
		At     *time.Time       `json:"at,omitempty"`
		State  string           `json:"state"`
		There  string           `json:"thereFor,omitempty"`
		Result *messages.Result `json:"result,omitempty"`
		Error  string           `json:"error,omitempty"`
	}{Kind: "receipt", ID: r.Order.Command.ID, VCC: r.Order.VCC, WorkNo: r.Order.Command.WorkNo, State: what}
	if at := r.Order.Command.NotBefore; !at.IsZero() {
		at = at.UTC()
		line.At = &at
	}
	if r.There != nil {
		line.There, line.Result = r.There.WorkNo(), r.There.Result
	}
	if r.Err != nil {
		line.Error = r.Err.Error()
	}
	if data, err := json.Marshal(line); err == nil {
		fmt.Fprintln(out, string(data))
	}
}
