// Package zktls makes TLS connections of ZooKeeper clients: the settings of the original's client by their own names
// (Properties), and a Dialer that does the handshake on a connection and words what goes wrong. The clients themselves, zkclient
// and elector, know of it as a function.
//
//	zookeeper.client.secure, zookeeper.ssl.* -> Properties -> tlsconf.Settings -> Dialer -> Secure(connection) -> connection
//	holdfast.yaml, Hadoop's files            ------------------^
//
// As with the original's client, what the stores hold is read again for a new connection when their files have changed: a
// certificate can be renewed under a program that runs.
//
// Sources: ZKClientConfig, ClientX509Util and ClientCnxnSocketNetty of Apache ZooKeeper 3.9.
package zktls
