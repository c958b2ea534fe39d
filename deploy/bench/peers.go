package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
)

// The peers' streams and subjects. Theirs are plain: no second result is refused.
const (
	peerCommands = "PEER_COMMANDS"
	peerResults  = "PEER_RESULTS"
)

// peer is what the peers have in common.
type peer struct {
	natsURL, gatewayURL string
	n                   int
	http                *http.Client
}

func newPeer(role string, args []string) *peer {
	p := &peer{}
	flags := flag.NewFlagSet(role, flag.ExitOnError)
	flags.StringVar(&p.natsURL, "nats", "", "URL")
	flags.StringVar(&p.gatewayURL, "gateway", "", "URL")
	flags.IntVar(&p.n, "n", 0, "calls to make")
	ca := flags.String("ca", "", "`file` with the gateway's CA")
	_ = flags.Parse(args)
	var err error
	if p.http, err = newClient(*ca); err != nil {
		exit(err)
	}
	return p
}

// newClient is an HTTP client as one makes it for many calls at a time. With the
// default of two idle connections it would dial for each.
func newClient(ca string) (*http.Client, error) {
	transport := &http.Transport{MaxIdleConns: slots, MaxIdleConnsPerHost: slots}
	if ca != "" {
		text, err := os.ReadFile(ca)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(text)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}, nil
}

// errBusy is an answer that is to be tried again.
var errBusy = errors.New("the gateway refuses for now")

// post makes one force-logout call.
func (p *peer) post(ctx context.Context, workNo string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.gatewayURL+prefix+workNo, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json; charset=UTF-8")
	req.Header.Set("Guid", guid)
	resp, err := p.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var answer struct{ Retcode string }
	if err := json.Unmarshal(body, &answer); err != nil {
		return err
	}
	if answer.Retcode != "0" {
		return errBusy
	}
	return nil
}

// outcome is the result of a command that went well, as a message of the same size as
// the worker's.
func outcome(c messages.Command, started time.Time) (*nats.Msg, error) {
	r := messages.Result{
		ID: c.ID, VCC: messages.DefaultVCC, WorkNo: c.WorkNo, Inspector: inspector, Outcome: messages.OutcomeSignedOut,
		Retcode: "0", HTTPStatus: http.StatusOK, Attempts: 1, IssuedAt: c.IssuedAt, StartedAt: started, FinishedAt: time.Now(), Worker: "peer",
	}
	data, err := json.Marshal(r)
	return &nats.Msg{Subject: peerResults + "." + c.WorkNo + "." + c.ID, Data: data, Header: nats.Header{jetstream.MsgIDHeader: {c.ID}}}, err
}

// runLoop is what one writes in an afternoon: goroutines that fetch, call, publish and
// acknowledge. It promises nothing.
func runLoop(ctx context.Context, args []string) error {
	p := newPeer("loop", args)
	return p.consume(ctx, p.post)
}

// runNATSAlone moves the same messages, without calls.
func runNATSAlone(ctx context.Context, args []string) error {
	return newPeer("nats-alone", args).consume(ctx, func(context.Context, string) error { return nil })
}

// handle makes a command's call, publishes its result and acknowledges it.
func handle(ctx context.Context, js jetstream.JetStream, msg jetstream.Msg, call func(ctx context.Context, workNo string) error) error {
	var c messages.Command
	if err := json.Unmarshal(msg.Data(), &c); err != nil {
		return err
	}
	started := time.Now()
	if err := call(ctx, c.WorkNo); errors.Is(err, errBusy) {
		return msg.NakWithDelay(500 * time.Millisecond)
	} else if err != nil {
		return err
	}
	result, err := outcome(c, started)
	if err != nil {
		return err
	}
	if _, err := js.PublishMsg(ctx, result); err != nil {
		return err
	}
	return msg.Ack()
}

// perFetch is how many messages each goroutine asks for at a time.
const perFetch = 10

// consume handles messages in as many goroutines as the worker has slots.
func (p *peer) consume(ctx context.Context, call func(ctx context.Context, workNo string) error) error {
	nc, err := nats.Connect(p.natsURL)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	consumer, err := js.CreateOrUpdateConsumer(ctx, peerCommands, jetstream.ConsumerConfig{
		Durable: "peer", AckPolicy: jetstream.AckExplicitPolicy, AckWait: 15 * time.Second, MaxAckPending: 50_000,
	})
	if err != nil {
		return err
	}
	var running sync.WaitGroup
	for range slots {
		running.Go(func() {
			for ctx.Err() == nil {
				batch, err := consumer.Fetch(perFetch, jetstream.FetchMaxWait(time.Second))
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					continue
				}
				for msg := range batch.Messages() {
					if err := handle(ctx, js, msg, call); err != nil && ctx.Err() == nil {
						fmt.Fprintln(os.Stderr, err)
					}
				}
			}
		})
	}
	running.Wait()
	return nil
}

// runHTTPAlone makes n calls in as many goroutines, and prints how many it made in a
// second.
func runHTTPAlone(ctx context.Context, args []string) error {
	p := newPeer("http-alone", args)
	var next atomic.Int64
	var running sync.WaitGroup
	begin := time.Now()
	for range slots {
		running.Go(func() {
			for i := next.Add(1); i <= int64(p.n); i = next.Add(1) {
				if err := p.post(ctx, agentNo(int(i))); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
			}
		})
	}
	running.Wait()
	fmt.Println(float64(p.n) / time.Since(begin).Seconds())
	<-ctx.Done()
	return nil
}
