package cli

import (
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/messages"
)

type schemaCommand struct {
	Name string `arg:"" enum:"command,result,progress,gateway-state,dead-letter,asyncapi" default:"asyncapi" help:"command, result, progress, gateway-state, dead-letter (JSON Schema), or asyncapi (the subjects, with all schemas; the default)."`
}

func (c schemaCommand) Run(std console.IO) error {
	text, err := messages.Schema(c.Name)
	if err != nil {
		return err
	}
	_, err = std.Out.Write(text)
	return err
}
