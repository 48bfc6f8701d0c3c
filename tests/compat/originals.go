//go:build compat

// Package compat holds our programs against the unmodified originals: Apache ZooKeeper and Apache Hadoop, as Maven
// Central has them. It needs Java 11 or newer and Maven, and fails where it cannot have them.
//
//	make compat
//
// Three tests run at the same time on a small machine, or as many as -parallel says. Each waits for what it asserts: another process does it when it comes to it.
//
// The files ensemble_* run ensembles of originals and of our servers, in every mixture: each test makes an ensemble whose
// members have a make (java39, java38, golang), kills, freezes, wipes and replaces them under a client that writes all the
// time, and ends by comparing all trees and digests. Two variables help to find out what a failure means:
//
//	HOLDFAST_COMPAT_MAKES=java   the original takes our place: does it do what the test wants?
//	HOLDFAST_COMPAT_MAKES=ours   ours take the original's place
//	HOLDFAST_COMPAT_RELEASE=3.8  the release before takes the place of 3.9 in all ensembles
//	HOLDFAST_COMPAT_KEEP=1       the logs and data of passed tests are kept, too
package compat
