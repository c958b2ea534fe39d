package console

import (
	"fmt"
	"io"
	"sync"

	"github.com/forcelogout/forcelogout/messages"
)

// View writes events as they come, from two feeds.
type View struct {
	mu    sync.Mutex
	out   io.Writer
	json  bool
	paint painter
	width int
}

// NewView is for people, or for programs: one JSON document per line.
func NewView(out io.Writer, json bool) *View {
	return &View{out: out, json: json, paint: painter(Colored(out)), width: LineWidth(out)}
}

// Result writes a result; raw is how it came.
func (v *View) Result(r messages.Result, raw []byte) error {
	if v.json {
		return v.line(withKind("result", raw))
	}
	return v.line(resultLine(r, v.paint, v.width, true))
}

// Progress writes what a worker is at.
func (v *View) Progress(p messages.Progress, raw []byte) {
	line := withKind("progress", raw)
	if !v.json {
		line = Clip(Printable(progressLine(p)), v.width)
	}
	// A closed output ends the command at the next result.
	_ = v.line(line)
}

// Gateway writes that a gateway is down, or up again.
func (v *View) Gateway(s messages.GatewayState, raw []byte) {
	line := withKind("gateway", raw)
	if !v.json {
		line = Clip(Printable(gatewayLine(s)), v.width)
	}
	_ = v.line(line)
}

func (v *View) line(s string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, err := fmt.Fprintln(v.out, s)
	return err
}
