// Package netns holds tests of whole ensembles as real processes on real, broken networks: each zkserver lives in a network
// namespace of its own, joined by a bridge, and what one host sends to another can be cut, in one direction or in both.
//
//	test process ---+--- bridge (namespace of its own) ---+--- host 1: zkserver
//	10.77.0.254     |                                     +--- host 2: zkserver
//	                +------------------------------------ +--- host 3: zkserver
//
// The tests need Linux, root, ip (iproute2) and iptables, and the build tag netns: `make netns`. They touch nothing outside
// of the namespaces that they make, but for one veth pair that ends in the namespace of the test itself.
package netns
