package sim

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"strings"
)

// Form is how answers of the gateway itself are written; releases and what stands in
// front of them differ. The zero value is the vendor's documented form.
type Form struct {
	Msg         bool // the text is called msg [cec_05_4023]
	Number      bool // retcode "0" is a number
	EmptyResult bool // an empty result is ""
	HTML        bool // the Content-Type is text/html
	BOM         bool // there is a byte order mark in front
	Chunked     bool // the length is not said
	Gzip        bool // compressed, where the request allows it
	Close       bool // each is the last on its connection
}

// write turns a reply of the gateway itself into this form.
func (f Form) write(p reply, accepts string) reply {
	if p.retcode == "" {
		return p
	}
	var said map[string]json.RawMessage
	if json.Unmarshal(p.body, &said) != nil {
		return p
	}
	if f.Msg {
		said["msg"] = said["message"]
		delete(said, "message")
	}
	if f.Number && p.retcode == codeSuccess {
		said["retcode"] = json.RawMessage("0")
	}
	if f.EmptyResult && string(said["result"]) == "{}" {
		said["result"] = json.RawMessage(`""`)
	}
	if f.Msg || f.Number || f.EmptyResult {
		p.body, _ = json.Marshal(said)
	}
	if f.HTML {
		p.header.Set("Content-Type", "text/html;charset=UTF-8")
	}
	if f.BOM {
		p.body = append([]byte("\xef\xbb\xbf"), p.body...)
	}
	if f.Gzip && strings.Contains(accepts, "gzip") {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write(p.body)
		_ = z.Close()
		p.header.Set("Content-Encoding", "gzip")
		p.body = packed.Bytes()
	}
	if f.Close {
		p.header.Set("Connection", "close")
	}
	p.chunked = f.Chunked
	return p
}

// inPieces writes a body so that its length is not known at its start.
func inPieces(w http.ResponseWriter, body []byte) {
	flush := http.NewResponseController(w)
	for len(body) > 0 {
		n := min(len(body), 16)
		if _, err := w.Write(body[:n]); err != nil {
			return
		}
		_ = flush.Flush()
		body = body[n:]
	}
}
