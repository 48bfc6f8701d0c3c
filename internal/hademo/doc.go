// Package hademo plays the acts of the demonstration: it starts a coordination server, two demo NameNodes and two
// failover controllers as real processes, writes without pause through whichever NameNode is active, breaks something,
// and measures what happened.
//
// The figures of an act come from three places only: the moment hademo broke something, the event streams of the two
// controllers, and the acknowledgements that the writing client received. All are read from one machine's clock.
package hademo
