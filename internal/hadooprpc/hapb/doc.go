// Package hapb holds the generated messages of HAServiceProtocol, ZKFCProtocol and the ActiveNodeInfo of the lock and
// breadcrumb znodes (../proto/ha.proto).
package hapb
