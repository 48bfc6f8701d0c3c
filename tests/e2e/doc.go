// Package e2e drives the commands as a user does: real processes on loopback ports, started from scripts. Each file
// testdata/NAME.txt is one situation; `go test ./tests/e2e -run Scripts/NAME` plays it alone, and -v shows every step.
//
// The test binary is all commands at once (it is installed under the name of each), so nothing is built beforehand.
// Besides the commands of testscript there are:
//
//	freeport NAME...               sets each variable to a port that nobody uses
//	expand FILE...                 replaces $VARIABLES in files
//	bg [-stdin FILE] NAME [VAR=VALUE...] PROG ARGS...
//	                               starts a process, or starts it again; it is killed when the script ends. What it reads
//	                               does not end with the file
//	[!] logged NAME REGEXP         waits until its output since its start or mark matches; with ! looks once
//	mark NAME...                   forgets the output so far
//	signal SIG NAME...             sends KILL, TERM, INT, STOP or CONT; after KILL waits until it is gone
//	exited NAME CODE               waits until it has ended with that exit code
//	running NAME...                fails when it has ended
//	until REGEXP PROG ARGS...      runs PROG again and again until it succeeds and its output matches
//	exits CODE PROG ARGS...        runs PROG, which must end with that exit code
//	send [-close] ADDR BYTES...    sends bytes (Go escapes, BYTES*N repeats), waits until the other side closes, prints the
//	                               answer and sets PEER to the local address; -close: sends an end of stream
//	damage FILE TEXT TEXT          overwrites the first occurrence of a text with one of the same length
//	tear FILE N                    cuts a log file N bytes before the end of what was written
//	[!] same FILE FILE             compares, with dates and session ids made equal and variables replaced in the second
//	pair [VAR=VALUE...]            starts zkserver and two nodes with their controllers, and waits until nn1 is active
//	pids GLOB N                    waits until N processes named by pid files live, and remembers them
//	gone                           waits until all of them have ended
//	empty DIR                      fails when the directory holds something
package e2e
