//go:build compat

// Package compat holds our programs against the unmodified originals: Apache ZooKeeper and Apache Hadoop, as Maven
// Central has them. It needs Java 11 or newer and Maven, and fails where it cannot have them.
//
//	make compat
package compat
