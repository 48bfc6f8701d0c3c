// Package hadoop holds our zkfc, haadmin and zkserver beside an unmodified Apache Hadoop: two NameNodes in HA, in one test three
// with an observer, JournalNodes, a DataNode, the original's ZKFC and haadmin, and Apache ZooKeeper or zkserver, all as processes
// on this machine:
//
//	writer (WebHDFS)      isActive of all, every 10 ms
//	     |                      |
//	  DataNode       NameNode nn1   NameNode nn2 --- JournalNodes
//	                    |               |
//	                  zkfc 1          zkfc 2      each the original's or ours,
//	                    +-- ZooKeeper --+         with the same XML files
//
// It needs Java 11 or newer and Maven (which brings the originals from Maven Central into the user's cache directory once), and
// the build tag hadoop:
//
//	make hadoop                          the shortened form, a few minutes
//	HOLDFAST_HADOOP=matrix make hadoop   every pair on every coordination service, every fault; a quarter of an hour
//	HOLDFAST_HADOOP=full make hadoop     the same with Hadoop's default times; half an hour
//	make hadoop-table                    failover times, memory and starts of the originals and of ours, in one run
//
// Throughout each test a client writes files and all NameNodes are asked whether they are active. At no time may two say
// yes, and every file whose writing was acknowledged must be there at the end.
//
// HOLDFAST_HADOOP_KEEP=DIR keeps the logs and data of the run in DIR, which must be empty. HOLDFAST_HADOOP_BIN=DIR takes zkfc, haadmin and
// zkserver from DIR instead of building them.
package hadoop
