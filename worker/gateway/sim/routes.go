package sim

import (
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
	readBody(r)
	asked := parseRoute(r.URL.EscapedPath())
	call := &Call{
		Method: r.Method, Path: rawPath(r), Op: asked.op,
		Inspector: asked.inspector, WorkNo: asked.workNo, GUID: r.Header.Get("Guid"),
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
	case asked.op == OpForceLogout:
		g.record.begin(call)
		answer = g.forceLogout(r.Context(), call)
	default:
		g.record.begin(call)
		answer = g.agentState(r.Context(), call)
	}
	reply := g.reply(answer, call.Path)
	call.Retcode, call.HTTPStatus, call.Fault = reply.retcode, reply.status, answer.Fault
	call.Abandoned = r.Context().Err() != nil
	g.record.end(call)
	if call.Abandoned {
		panic(http.ErrAbortHandler) // a server that closes must not answer early
	}
	reply.send(w)
}

// readBody takes the body away, up to a bound. net/http notices that a client
// goes away only when the body has been read, and calls that hang must end then.
func readBody(r *http.Request) {
	const bound = 1 << 20
	if r.Body != nil && r.Body != http.NoBody {
		_, _ = io.CopyN(io.Discard, r.Body, bound)
	}
}

// parseRoute knows …/qualitycontrol/{agentid}/forcelogout/{workNo}
// [cec_07_0441] and …/agentgroup/{agentid}/agentbyworkno/{workno} [cec_07_0415].
// It is no ServeMux, because that one redirects paths that it can clean.
func parseRoute(path string) route {
	rest, ok := strings.CutPrefix(path, base)
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 4 {
		return route{op: OpOther}
	}
	to := route{inspector: unescaped(parts[1]), workNo: unescaped(parts[3])}
	switch [2]string{parts[0], parts[2]} {
	case [2]string{"qualitycontrol", "forcelogout"}:
		to.op, to.method = OpForceLogout, http.MethodPost
	case [2]string{"agentgroup", "agentbyworkno"}:
		to.op, to.method = OpAgentState, http.MethodGet
	default:
		return route{op: OpOther}
	}
	return to
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
