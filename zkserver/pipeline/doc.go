// Package pipeline keeps requests in order: those of one session behind each other (FIFO), those of all sessions on their
// way to the goroutine that owns the state (Inbox), and the writes that wait for their commit (Ring).
//
//	reader of a connection                    owner of the state                     disk
//	  read, FIFO empty -> answered at once
//	  write ----------> FIFO, Batch -> Inbox -> prepared, proposed -> Ring ........ fsync
//	  read, FIFO not empty -> FIFO                                                    |
//	                                   replies <- FIFO, applied <- Ring <- committed -+
//	                                   (and the reads that waited behind)
//
// What a client is promised (and no more): its own requests are answered in the order it sent them, and each read sees
// all its earlier writes and none of its later ones. Reads of other sessions do not wait for anybody's write.
//
// A batch of frames is one Batch: it costs one lock and one wake-up however many requests it holds.
package pipeline
