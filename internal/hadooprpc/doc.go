// Package hadooprpc speaks Hadoop IPC version 9 with protobuf messages: client, server and the frames between them.
//
// A connection begins with seven bytes, then carries frames both ways. Numbers are big-endian; "delimited" means a
// varint length followed by that many bytes of a protobuf message.
//
//	client, once      +--------+---------+---------------+---------------+
//	                  | "hrpc" | 9, byte | service class | auth protocol |   0 = SIMPLE; 0xdf (-33) = SASL
//	                  +--------+---------+---------------+---------------+
//
//	every frame       +------------------+----------------------------------+
//	                  | length, 4 bytes  | parts, length bytes              |
//	                  +------------------+----------------------------------+
//
//	client frames     RpcRequestHeader, delimited | one of
//	                    call id -3   IpcConnectionContext, delimited: first frame of the connection, no answer
//	                    call id -4   nothing: a ping, no answer
//	                    call id >= 0 RequestHeader, delimited | request message, delimited (one zero byte when empty)
//
//	server frames     RpcResponseHeader, delimited | with status SUCCESS only: response message, delimited
//
// The request's call id is zigzag (sint32), the response's is not (uint32): two encodings of one number. There is no
// checksum. Answers may come in any order; call ids match them. One client id and one counter of call ids serve all
// connections of a process, as in the original.
//
// Status ERROR carries a Java exception (class, message, then the stack trace after a newline) and leaves the connection
// open; FATAL closes it. Both reach the caller as *Exception. An HTTP GET is answered with the original's 404 text.
//
// Only SIMPLE authentication is spoken; the authentication byte is read and written in one place (ConnectionHeader), where
// SASL would join. Recorded connections of Hadoop 3.4.3 in testdata/hrpc are decoded and encoded again by the tests.
package hadooprpc
