package client_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/admin"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/embedded"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/session"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// installation runs NATS, a simulated gateway and a worker. Examples use it as a
// program uses what is there already.
func installation(ctx context.Context) (nc *nats.Conn, stop func()) {
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	dir, err := os.MkdirTemp("", "forcelogout-example-")
	check(err)
	server, err := embedded.Start(dir, "127.0.0.1:0")
	check(err)
	nc, err = nats.Connect(server.URL())
	check(err)
	js, err := jetstream.New(nc)
	check(err)
	_, err = streams.Setup(ctx, js, streams.Plan{Prefix: messages.DefaultPrefix})
	check(err)
	simulated := sim.New(sim.Config{})
	simulated.SetAccount("1001", sim.Account{Password: "example"})
	listening, err := sim.Listen(simulated, "127.0.0.1:0", false)
	check(err)
	gw, err := gateway.NewClient(gateway.Options{URL: listening.URL})
	check(err)
	w, err := worker.New(ctx, nc, worker.Config{
		Prefix: messages.DefaultPrefix, VCC: messages.DefaultVCC, Instance: "example", Gateway: gw,
		Inspectors: []session.Account{{Inspector: "1001", Password: "example"}},
		Log:        slog.New(slog.DiscardHandler), Metrics: admin.NewMetrics(messages.DefaultVCC),
	})
	check(err)
	working, end := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { w.Run(working) })
	return nc, func() {
		end()
		running.Wait()
		gw.Close()
		_ = listening.Close()
		nc.Close()
		check(server.Stop(ctx))
		check(os.RemoveAll(dir))
	}
}

// Sign one agent out and wait for the result.
func ExampleClient_SignOut() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	nc, stop := installation(ctx)
	defer stop()

	c, err := client.New(nc, messages.DefaultPrefix)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := c.SignOut(ctx, client.Order{Command: messages.Command{WorkNo: "30012", Reason: "shift-end"}})
	fmt.Println(result.WorkNo, result.Outcome, err)
	// Output: 30012 signed_out <nil>
}

// Let NATS hold a command until the end of the shift.
func ExampleClient_Publish() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	nc, stop := installation(ctx)
	defer stop()

	c, err := client.New(nc, messages.DefaultPrefix)
	if err != nil {
		fmt.Println(err)
		return
	}
	end := time.Now().Add(8 * time.Hour)
	orders := func(yield func(client.Order, error) bool) {
		for _, agent := range []string{"30012", "30013"} {
			command := messages.Command{ID: "S-18-" + agent, WorkNo: agent, ExpiresAt: end.Add(15 * time.Minute)}
			if !yield(client.Order{At: end, Command: command}, nil) {
				return
			}
		}
	}
	for range 2 { // the second time says that they are there
		err = c.Publish(ctx, 0, orders, func(r client.Receipt) {
			fmt.Println(r.Order.Command.ID, r.State, r.Err)
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// S-18-30012 stored <nil>
	// S-18-30013 stored <nil>
	// S-18-30012 there <nil>
	// S-18-30013 there <nil>
}

// Follow the results of all VCCs.
func ExampleClient_Results() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	nc, stop := installation(ctx)
	defer stop()

	c, err := client.New(nc, messages.DefaultPrefix)
	if err != nil {
		fmt.Println(err)
		return
	}
	feed, err := c.Results(ctx, client.Filter{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer feed.Close()
	if err := c.Submit(ctx, messages.DefaultVCC, []messages.Command{{ID: "S-18-30012", WorkNo: "30012"}}); err != nil {
		fmt.Println(err)
		return
	}
	result, _, err := feed.Next(ctx)
	fmt.Println(result.ID, result.Outcome, err)
	// Output: S-18-30012 signed_out <nil>
}

// Withdraw a command that is for later.
func ExampleClient_Cancel() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	nc, stop := installation(ctx)
	defer stop()

	c, err := client.New(nc, messages.DefaultPrefix)
	if err != nil {
		fmt.Println(err)
		return
	}
	order := client.Order{At: time.Now().Add(time.Hour), Command: messages.Command{ID: "S-18-30012", WorkNo: "30012"}}
	err = c.Publish(ctx, 0, func(yield func(client.Order, error) bool) { yield(order, nil) }, func(client.Receipt) {})
	if err != nil {
		fmt.Println(err)
		return
	}
	by := messages.Cancellation{RequestedBy: "planning", Reason: "overtime", At: time.Now()}
	err = c.Cancel(ctx, messages.DefaultVCC, client.Selection{IDs: []string{"S-18-30012"}}, by, 10*time.Second, func(w client.Withdrawal) {
		fmt.Println(w.ID, w.Answer)
	})
	result, waitErr := c.Await(ctx, messages.DefaultVCC, "S-18-30012")
	fmt.Println(result.Outcome, err, waitErr)
	// Output:
	// S-18-30012 cancelled
	// cancelled <nil> <nil>
}
