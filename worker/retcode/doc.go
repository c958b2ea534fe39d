// Package retcode has THE tables of what the gateway's retcodes mean: one for calls
// and polls, one for sign-ins. It knows no HTTP and keeps no state.
package retcode
