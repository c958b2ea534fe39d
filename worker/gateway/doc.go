// Package gateway speaks the protocol of a Huawei AICC / CEC CC-Gateway as a
// client: it builds requests, bounds and parses answers, and reports both as
// data. It decides nothing about retries and knows no NATS.
//
// Facts about the protocol carry the page of the vendor's API reference that
// they come from, for example [cec_07_0441].
package gateway
