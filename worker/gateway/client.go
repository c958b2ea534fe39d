package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
)

// MaxAnswer is how many bytes of an answer's body are read. A gateway answer
// has a few hundred bytes; more is a proxy's page or an attack.
const MaxAnswer = 64 << 10

// basePath is the root of every resource [cec_07_0441].
const (
	rootPath = "/agentgateway"
	basePath = rootPath + "/resource"
)

// Options are how a gateway is reached.
type Options struct {
	URL   string       // scheme and host, for example https://10.1.2.3:8043; a path in front of /agentgateway is kept
	TLS   TLSFiles     // read at once, and again when they change
	Conns int          // idle connections kept, normally the number of calls in flight; 0 means 64
	Log   *slog.Logger // says when TLS files were reloaded or could not be; nil for silence

	// UnknownIsAbsent takes the answer 300-002, no such agent, to the question for an
	// agent's state as the proof that they are not signed in.
	UnknownIsAbsent bool
}

// Client calls one gateway. It is safe for concurrent use.
type Client struct {
	base      *url.URL
	transport *reloading

	unknownIsAbsent bool

	// Values of headers, which nobody changes.
	contentType, coding []string
}

// NewClient returns a client, or an error that says what is wrong with the URL
// or the TLS files.
func NewClient(opts Options) (*Client, error) {
	base, err := parseBase(opts.URL)
	if err != nil {
		return nil, err
	}
	conns := opts.Conns
	if conns <= 0 {
		conns = 64
	}
	transport, err := newReloading(opts.TLS, perCall*conns, opts.Log)
	if err != nil {
		return nil, err
	}
	return &Client{
		base: base, transport: transport, unknownIsAbsent: opts.UnknownIsAbsent,
		contentType: []string{"application/json; charset=UTF-8"}, coding: []string{"identity"},
	}, nil
}

// Close releases idle connections.
func (c *Client) Close() { c.transport.renew(nil) }

// Redial makes the calls from now on use new connections: those that there are may
// lead nowhere, or to a node that does not know the session. Calls in flight go on.
func (c *Client) Redial() { c.transport.renew(nil) }

// Apart returns a client that shares no connection with this one, for a second
// opinion. Close it.
func (c *Client) Apart() *Client {
	apart := *c
	apart.transport = c.transport.apart()
	return &apart
}

// ForceLogout signs the agent workNo out on behalf of the inspector
// [cec_07_0441]. It releases the call that the agent is on.
//
// The Answer is what the gateway said, whatever it said. The error is for
// everything that kept an answer from coming; then the effect is unknown, unless
// it is an UnsentError.
func (c *Client) ForceLogout(ctx context.Context, s Session, workNo string) (Answer, error) {
	reply, err := c.call(ctx, s, http.MethodPost, nil, "qualitycontrol", s.Inspector, "forcelogout", workNo)
	return reply.Answer, err
}

// reply is an answer with what only some calls read of it.
type reply struct {
	Answer
	header http.Header
	body   []byte
}

// call sends one request and reads the whole answer. A nil payload sends no body.
func (c *Client) call(ctx context.Context, s Session, method string, payload []byte, segments ...string) (reply, error) {
	target, err := c.resource(segments)
	if err != nil {
		return reply{}, err
	}
	begin := c.transport.clock()
	reply, err := c.exchange(ctx, s, method, target, payload)
	if errors.Is(err, context.DeadlineExceeded) {
		c.transport.doubt(begin)
	}
	return reply, err
}

// exchange sends the request and reads the answer to its end, so that the connection
// can be used again.
func (c *Client) exchange(ctx context.Context, s Session, method string, target *url.URL, payload []byte) (found reply, err error) {
	lane, version := c.transport.take(ctx), 0
	defer func() { c.transport.give(lane, version) }()
	x, ctx := newExchange(ctx, repeatable(method, target))
	defer x.stop(nil)
	req := c.newRequest(ctx, method, target, payload)
	s.sign(req.Header)
	// Not through an http.Client: its redirects would carry the GUID to another host.
	resp, err := lane.RoundTrip(req)
	if cause := context.Cause(ctx); err != nil && (errors.Is(cause, errLate) || errors.Is(cause, errRepeated)) {
		err = cause
	}
	if err != nil && (!x.sent || errors.Is(err, errLate)) {
		return reply{}, &UnsentError{explained(err)}
	}
	if err != nil {
		return reply{}, explained(err)
	}
	defer resp.Body.Close()
	found.HTTPStatus = resp.StatusCode
	if resp.ProtoMajor == 1 && x.early.Load() {
		_ = x.wire.Close()
		return reply{}, errUnasked
	}
	if resp.ProtoMajor > 1 {
		version = resp.ProtoMajor // what has become of one answer is nothing to the next
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer+1))
	if err != nil {
		return reply{}, fmt.Errorf("reading the answer: %w", err)
	}
	if len(body) > MaxAnswer {
		return found, fmt.Errorf("the answer is larger than %d bytes", MaxAnswer)
	}
	if version = resp.ProtoMajor; version == 1 {
		x.over()
	}
	switch coding := resp.Header.Get("Content-Encoding"); {
	case resp.StatusCode == http.StatusProxyAuthRequired:
		return found, &UnsentError{errProxy}
	case coding != "" && !strings.EqualFold(coding, "identity"):
		return found, &CodingError{clean(coding, 64)}
	}
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) // a byte order mark
	return reply{Answer: parseAnswer(resp, body), header: resp.Header, body: body}, nil
}

// repeatable reports whether a request may be made twice unseen: questions may, but for
// the poll, whose answer may hold another GUID or an event.
func repeatable(method string, target *url.URL) bool {
	return method == http.MethodGet && !strings.Contains(target.Path, "/"+eventPath+"/")
}

// newRequest is http.NewRequestWithContext for a URL that need not be parsed.
func (c *Client) newRequest(ctx context.Context, method string, to *url.URL, payload []byte) *http.Request {
	req := (&http.Request{
		Method: method, URL: to, Host: to.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": c.contentType, "Accept-Encoding": c.coding}, Body: http.NoBody,
	}).WithContext(ctx)
	if payload != nil {
		req.ContentLength = int64(len(payload))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(payload)), nil }
		req.Body, _ = req.GetBody()
	}
	return req
}

// resource builds a URL in which every variable segment is digits or a
// constant of ours. Neighbouring paths are live operations too, so no input may
// change the path.
func (c *Client) resource(segments []string) (*url.URL, error) {
	for _, segment := range segments {
		if !plain(segment) {
			return nil, fmt.Errorf("%q cannot be part of a gateway URL: use letters and digits only", segment)
		}
	}
	target := *c.base
	target.Path += basePath + "/" + strings.Join(segments, "/")
	return &target, nil
}

func plain(segment string) bool {
	for _, c := range []byte(segment) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return segment != ""
}
