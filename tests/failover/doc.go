// Package failover holds the tests in which the failover controller meets a real zkserver: the two know each other only
// by ZooKeeper's client protocol, so neither's own tests may import the other.
package failover
