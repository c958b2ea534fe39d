package sim

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// base is the root of every resource [cec_07_0441].
const base = "/agentgateway/resource/"

// route is what a request's path asks for.
type route struct {
	op        string
	method    string // the only one allowed; "" where the path is unknown
	inspector string
	workNo    string
}

// ServeHTTP answers one call. The call is in the record, ended, before the first
// byte of its answer leaves, so that a client that has the answer finds it there.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := readBody(r)
	asked := g.parseRoute(r.URL.EscapedPath())
	call := &Call{
		Method: r.Method, Path: rawPath(r), Op: asked.op,
		Inspector: asked.inspector, WorkNo: asked.workNo, GUID: r.Header.Get("Guid"), Cookie: r.Header.Get("Cookie"),
	}
	var answer Answer
	switch {
	case asked.method == "":
		g.record.begin(call)
		answer = Answer{HTTPStatus: http.StatusNotFound}
	case asked.method != r.Method:
		call.Op = OpOther
		g.record.begin(call)
		answer = Answer{HTTPStatus: http.StatusMethodNotAllowed, Header: http.Header{"Allow": {asked.method}}}
	default:
		g.record.begin(call)
		answer = g.answer(r.Context(), call, body)
	}
	if r.Header.Get("Content-Type") == "" {
		g.record.breach("no Content-Type", call)
	}
	if len(body) > 0 && !isSignIn(call.Op) {
		g.record.breach("a body where none belongs", call)
	}
	reply := g.cfg.Form.write(g.reply(answer, call.Path), r.Header.Get("Accept-Encoding"))
	call.Retcode, call.HTTPStatus, call.Fault = reply.retcode, reply.status, answer.Fault
	call.Abandoned = r.Context().Err() != nil
	g.record.end(call)
	if call.Abandoned {
		panic(http.ErrAbortHandler) // a server that closes must not answer early
	}
	reply.send(w)
}

// answer does what the call asks for.
func (g *Gateway) answer(ctx context.Context, call *Call, body []byte) Answer {
	switch call.Op {
	case OpForceLogout:
		return g.forceLogout(ctx, call)
	case OpAgentState:
		return g.agentState(ctx, call)
	case OpPoll:
		return g.poll(ctx, call)
	case OpSignOut:
		return g.ownSignOut(ctx, call)
	case OpOwnState:
		return g.ownState(ctx, call)
	case OpUpdateGUID:
		return g.updateGUID(ctx, call)
	case OpHandshake:
		return g.handshake(ctx, call)
	default:
		return g.signIn(ctx, call, body)
	}
}

// readBody takes the body away, up to a bound. net/http notices that a client
// goes away only when the body has been read, and calls that hang must end then.
func readBody(r *http.Request) []byte {
	const bound = 1 << 20
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(r.Body, bound))
	return body
}

// operation is what a shape of path and a method mean. Each * is an id.
type operation struct {
	shape      []string
	method, op string
}

// operations are all that the simulation knows; the Op… constants have their
// sources.
func operations() []operation {
	var all []operation
	for _, known := range [][3]string{
		{"qualitycontrol/*/forcelogout/*", http.MethodPost, OpForceLogout},
		{"agentgroup/*/agentbyworkno/*", http.MethodGet, OpAgentState},
		{"agentevent/*", http.MethodGet, OpPoll},
		{"onlineagent/*", http.MethodPut, OpSignIn},
		{"onlineagent/*/forcelogin", http.MethodPut, OpForceSignIn},
		{"onlineagent/*/loginex", http.MethodPut, OpPlatformSignIn},
		{"onlineagent/*/forceloginex", http.MethodPut, OpForcePlatformSignIn},
		{"onlineagent/*/logout", http.MethodDelete, OpSignOut},
		{"onlineagent/*/forcelogout", http.MethodDelete, OpSignOut},
		{"onlineagent/*/agentstatus", http.MethodGet, OpOwnState},
		{"onlineagent/*/updateGuid", http.MethodPut, OpUpdateGUID},
		{"onlineagent/*/handshake", http.MethodPost, OpHandshake},
	} {
		all = append(all, operation{strings.Split(known[0], "/"), known[1], known[2]})
	}
	return all
}

// parseRoute finds the operation. It is no ServeMux, because that one redirects
// paths that it can clean.
func (g *Gateway) parseRoute(path string) route {
	rest, ok := strings.CutPrefix(path, base)
	parts := strings.Split(rest, "/")
	for _, known := range g.operations {
		if ids, is := match(known.shape, parts); ok && is {
			ids = append(ids, "")
			return route{op: known.op, method: known.method, inspector: ids[0], workNo: ids[1]}
		}
	}
	return route{op: OpOther}
}

// match returns the ids of a path of that shape.
func match(shape, parts []string) (ids []string, is bool) {
	if len(shape) != len(parts) {
		return nil, false
	}
	for n, part := range parts {
		switch shape[n] {
		case "*":
			ids = append(ids, unescaped(part))
		case part:
		default:
			return nil, false
		}
	}
	return ids, true
}

// unescaped reads a path segment. One that cannot be read stays as it is, and is
// no valid id then.
func unescaped(segment string) string {
	if s, err := url.PathUnescape(segment); err == nil {
		return s
	}
	return segment
}

// rawPath is the path as the client sent it. What net/http makes of it may hide
// what a real gateway would have seen.
func rawPath(r *http.Request) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(path, "/") {
		return r.URL.EscapedPath()
	}
	return path
}
