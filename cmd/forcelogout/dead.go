package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
)

type deadCommand struct {
	Ls     deadListCommand   `cmd:"" help:"List dead letters, the oldest first."`
	Show   deadShowCommand   `cmd:"" help:"Show dead letters whole."`
	Replay deadReplayCommand `cmd:"" help:"Send dead letters again, under their ids."`
	Rm     deadRemoveCommand `cmd:"" help:"Remove dead letters."`
}

type deadListCommand struct {
	clientFlags
	VCC  string `name:"vcc" help:"Only this virtual contact center."`
	JSON bool   `name:"json" help:"One JSON document per line."`
}

func (c *deadListCommand) Run(ctx context.Context, std streamsIO) error {
	if c.VCC != "" {
		if err := messages.ValidateVCC(c.VCC); err != nil {
			return usage(named("vcc", err))
		}
	}
	cl, closeAll, err := c.open("dead", std)
	if err != nil {
		return err
	}
	defer closeAll()
	width := lineWidth(std.out)
	return cl.Letters(ctx, c.VCC, func(l client.Letter) bool {
		line := letterLine(l)
		if c.JSON {
			line = letterJSON(l)
		}
		_, err := fmt.Fprintln(std.out, clipJSON(line, width, c.JSON))
		return err == nil
	})
}

func clipJSON(line string, width int, isJSON bool) string {
	if isJSON {
		return line
	}
	return clipLine(line, width)
}

func letterLine(l client.Letter) string {
	who := l.WorkNo
	if who == "" {
		who = "-"
	}
	return fmt.Sprintf("%6d  %s  %s  %-6s  %s", l.Sequence, l.Stored.Local().Format(time.DateTime), l.VCC, who, printable(l.Reason))
}

func letterJSON(l client.Letter) string {
	data, err := json.Marshal(struct {
		Sequence uint64    `json:"seq"`
		VCC      string    `json:"vcc"`
		At       time.Time `json:"at"`
		Reason   string    `json:"reason"`
		Subject  string    `json:"subject"`
		ID       string    `json:"id,omitempty"`
		WorkNo   string    `json:"workNo,omitempty"`
		Cut      bool      `json:"cut,omitempty"`
		Data     []byte    `json:"data"`
	}{l.Sequence, l.VCC, l.Stored, l.Reason, l.Subject, l.ID, l.WorkNo, l.Cut, l.Data})
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// printable keeps what came from outside from playing with the terminal.
func printable(text string) string {
	runes := []rune(text)
	for i, r := range runes {
		if !unicode.IsPrint(r) {
			runes[i] = '.'
		}
	}
	return string(runes)
}

// letters are the numbers of dead letters.
type letters struct {
	clientFlags
	Numbers []uint64 `arg:"" name:"number" help:"Numbers as in dead ls."`
}

// each does something for all of them, also where one does not work.
func (c *letters) each(ctx context.Context, std streamsIO, do func(context.Context, *client.Client, uint64) error) error {
	cl, closeAll, err := c.open("dead", std)
	if err != nil {
		return err
	}
	defer closeAll()
	ctx, cancel := context.WithTimeout(ctx, setupTimeout)
	defer cancel()
	var problems []error
	for _, number := range c.Numbers {
		problems = append(problems, do(ctx, cl, number))
	}
	return errors.Join(problems...)
}

type deadShowCommand struct{ letters }

func (c *deadShowCommand) Run(ctx context.Context, std streamsIO) error {
	return c.each(ctx, std, func(ctx context.Context, cl *client.Client, number uint64) error {
		l, err := cl.Letter(ctx, number)
		if err != nil {
			return fmt.Errorf("dead letter %d: %w", number, err)
		}
		showLetter(std.out, l)
		return nil
	})
}

func showLetter(out io.Writer, l client.Letter) {
	size := strconv.Itoa(len(l.Data)) + " bytes"
	if l.Cut {
		size = "the first " + size
	}
	fmt.Fprintf(out, "number   %d\nvcc      %s\nstored   %s\nsubject  %s\nreason   %s\npayload  %s\n\n%s\n",
		l.Sequence, l.VCC, l.Stored.Local().Format(time.DateTime), printable(l.Subject), printable(l.Reason), size, printable(string(l.Data)))
}

type deadReplayCommand struct{ letters }

func (c *deadReplayCommand) Run(ctx context.Context, std streamsIO) error {
	return c.each(ctx, std, func(ctx context.Context, cl *client.Client, number uint64) error {
		command, err := cl.Replay(ctx, number)
		if err == nil {
			fmt.Fprintf(std.out, "%d  sent again: %s  %s\n", number, command.ID, command.WorkNo)
		}
		return err
	})
}

type deadRemoveCommand struct{ letters }

func (c *deadRemoveCommand) Run(ctx context.Context, std streamsIO) error {
	return c.each(ctx, std, func(ctx context.Context, cl *client.Client, number uint64) error {
		err := cl.RemoveLetter(ctx, number)
		if err != nil {
			return fmt.Errorf("dead letter %d: %w", number, err)
		}
		fmt.Fprintf(std.out, "%d  removed\n", number)
		return nil
	})
}
