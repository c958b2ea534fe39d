// Package systemtest has the tests of the whole program: workers in processes of their own,
// which are stopped, killed and cut off, with NATS and a simulated gateway around them.
package systemtest
