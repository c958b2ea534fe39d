package cli

import (
	"encoding/csv"
	"fmt"
	"os"
	"slices"

	"github.com/forcelogout/forcelogout/worker/shift"
)

// rejects is the file of refused rows, as they came and with what is wrong. It appears
// when the first row is refused.
type rejects struct {
	name string
	file *os.File
	csv  *csv.Writer
	err  error
}

// add writes one more row.
func (r *rejects) add(header []string, bad *shift.LineError) {
	if r.name == "" || r.err != nil {
		return
	}
	if r.file == nil {
		if r.file, r.err = os.OpenFile(r.name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600); r.err != nil {
			return
		}
		r.csv = csv.NewWriter(r.file)
		r.err = r.csv.Write(append(slices.Clone(header), "error"))
	}
	cells := make([]string, max(len(header), len(bad.Record)), len(bad.Record)+len(header)+1)
	copy(cells, bad.Record)
	if err := r.csv.Write(append(cells, bad.Error())); err != nil {
		r.err = err
	}
}

// close ends it; the error is that not all rows are in it.
func (r *rejects) close() error {
	err := r.err
	if r.file != nil {
		r.csv.Flush()
		for _, next := range []error{r.csv.Error(), r.file.Close()} {
			if err == nil {
				err = next
			}
		}
	}
	if err != nil {
		return fmt.Errorf("--rejects %s: %w", r.name, err)
	}
	return nil
}
