package sim

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
)

// hugeBody is how large the body of FaultHuge is.
const hugeBody = 10 << 20

// reply is an answer ready to be sent.
type reply struct {
	status  int // 0 where the connection ends in place of an answer
	header  http.Header
	body    []byte
	retcode string // what the body says, if the gateway itself says it
	reset   bool   // end the connection with a TCP reset
	chunked bool   // do not say how long it is
}

// reply turns an answer or its fault into what goes over the wire.
func (g *Gateway) reply(a Answer, path string) reply {
	switch a.Fault {
	case FaultHang, FaultAnswerLost:
		return reply{}
	case FaultReset:
		return reply{reset: true}
	case FaultHTML:
		page := []byte("<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>")
		return reply{status: http.StatusBadGateway, header: http.Header{"Content-Type": {"text/html"}}, body: page}
	case FaultHuge:
		return reply{status: http.StatusOK, header: jsonHeader(), body: huge()}
	case FaultRedirect:
		return reply{status: http.StatusFound, header: http.Header{"Location": {path + "/elsewhere"}}}
	case FaultHalfJSON:
		return reply{status: http.StatusOK, header: jsonHeader(), body: []byte(`{"message":"","retcode":"0","resu`)}
	case FaultEmpty:
		return reply{status: http.StatusOK}
	}
	if a.HTTPStatus != 0 && (a.Body != nil || a.Retcode == "") {
		return reply{status: a.HTTPStatus, header: a.Header, body: a.Body}
	}
	return own(a)
}

// own is an answer of the gateway itself. Everything it says comes under HTTP
// 200 with a retcode as a string [cec_07_0441].
func own(a Answer) reply {
	if a.result == nil && a.event == nil {
		a.result = struct{}{}
	}
	body, err := json.Marshal(struct {
		Message string `json:"message"`
		Retcode string `json:"retcode"`
		Result  any    `json:"result,omitempty"`
		Event   any    `json:"event,omitempty"`
	}{a.Message, a.Retcode, a.result, a.event})
	if err != nil {
		panic(err) // cannot be: strings and numbers only
	}
	header := jsonHeader()
	for name, values := range a.Header {
		header[name] = values
	}
	status := http.StatusOK
	if a.HTTPStatus != 0 {
		status = a.HTTPStatus
	}
	return reply{status: status, header: header, body: body, retcode: a.Retcode}
}

func jsonHeader() http.Header {
	return http.Header{"Content-Type": {"application/json; charset=UTF-8"}}
}

// huge would be a success for a client that reads without bound.
func huge() []byte {
	const start, end = `{"retcode":"0","result":{},"message":"`, `"}`
	fill := bytes.Repeat([]byte("x"), hugeBody-len(start)-len(end))
	return append(append([]byte(start), fill...), end...)
}

func (p reply) send(w http.ResponseWriter) {
	if p.status == 0 {
		if p.reset {
			reset(w)
		}
		panic(http.ErrAbortHandler) // net/http's way to close without an answer
	}
	for name, values := range p.header {
		w.Header()[name] = values
	}
	if p.chunked {
		w.WriteHeader(p.status)
		inPieces(w, p.body)
		return
	}
	if p.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(p.body)))
	}
	w.WriteHeader(p.status)
	_, _ = w.Write(p.body)
}

// reset ends the connection with a TCP reset. Where it cannot be had, under
// HTTP/2 or in a recorder, the caller's closing must do.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	// TLS would say goodbye first.
	if wrapped, is := conn.(interface{ NetConn() net.Conn }); is {
		conn = wrapped.NetConn()
	}
	if tcp, is := conn.(*net.TCPConn); is {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
