package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

type gatewayCommand struct {
	Listen    string        `default:"127.0.0.1:8043" help:"Address to listen on."`
	TLS       bool          `name:"tls" help:"HTTPS with a certificate made at start."`
	CAOut     string        `name:"ca-out" placeholder:"FILE" help:"Where to write the certificate's CA."`
	Inspector string        `default:"1001" placeholder:"WORKNO" help:"The inspector of FORCELOGOUT_GUID or FORCELOGOUT_PASSWORD; without them the first GUID or password presented is good."`
	Rotate    bool          `help:"AUTHMODE 2: polls bring a new GUID each minute."`
	Latency   time.Duration `help:"Time that each force-logout call takes."`
	FailRate  float64       `help:"Share of calls that fail, 0 to 1."`
	Retcode   string        `default:"900-002" help:"What failing calls answer."`
	HangRate  float64       `help:"Share of calls that never answer, 0 to 1."`
	Absent    []string      `placeholder:"WORKNO" help:"Agents who are signed out from the start."`
}

func (c *gatewayCommand) Run(ctx context.Context, std streamsIO) error {
	if err := c.check(); err != nil {
		return usage(err)
	}
	guid, password := os.Getenv(guidVariable), os.Getenv(passwordVariable)
	g := sim.New(sim.Config{Adopt: guid == "" && password == "", Rotate: c.Rotate})
	if guid != "" {
		parsed, err := gateway.ParseGUID(guid)
		if err != nil {
			return usage(fmt.Errorf("%s: %w", guidVariable, err))
		}
		g.GiveSession(c.Inspector, parsed)
	}
	if password != "" {
		g.SetAccount(c.Inspector, sim.Account{Password: password})
	}
	g.SetFaults(sim.Faults{Latency: c.Latency, FailRate: c.FailRate, Retcode: c.Retcode, HangRate: c.HangRate})
	for _, workNo := range c.Absent {
		g.SetAgent(workNo, sim.Agent{SignedIn: false})
	}
	server, err := sim.Listen(g, c.Listen, c.TLS)
	if err != nil {
		return fmt.Errorf("simulated gateway: %w (choose another address with --listen)", err)
	}
	if c.CAOut != "" {
		if err := os.WriteFile(c.CAOut, server.CAPEM, 0o644); err != nil {
			return errors.Join(fmt.Errorf("--ca-out: %w", err), server.Close())
		}
	}
	fmt.Fprintf(std.out, "simulated gateway on %s, inspector %s\n", server.URL, c.Inspector)
	<-ctx.Done()
	return server.Close()
}

func (c *gatewayCommand) check() error {
	problems := []error{named("inspector", messages.ValidateWorkNo(c.Inspector))}
	for _, workNo := range c.Absent {
		problems = append(problems, named("absent", messages.ValidateWorkNo(workNo)))
	}
	for flag, rate := range map[string]float64{"fail-rate": c.FailRate, "hang-rate": c.HangRate} {
		if rate < 0 || rate > 1 {
			problems = append(problems, fmt.Errorf("--%s %v: must be between 0 and 1", flag, rate))
		}
	}
	if c.Latency < 0 {
		problems = append(problems, fmt.Errorf("--latency %v: must be 0 or more", c.Latency))
	}
	if c.CAOut != "" && !c.TLS {
		problems = append(problems, errors.New("--ca-out needs --tls: without it there is no certificate"))
	}
	return errors.Join(problems...)
}
