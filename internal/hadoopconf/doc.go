// Package hadoopconf reads Hadoop's configuration as org.apache.hadoop.conf.Configuration does, and remembers where each
// value comes from.
//
//	core-default.xml   (a table here: only the keys that are used)       weakest
//	core-site.xml
//	hdfs-default.xml   (in the same table)
//	hdfs-site.xml
//	-conf FILE         in the order given
//	-D key=value       also against <final>                              strongest
//
// A property marked <final>true</final> cannot be changed by a later file. An empty <value/> counts as not written. Files
// may include others (<include href="…"> with <fallback>), relative to themselves. Names of old releases mean today's.
//
// ${name} in a value is replaced when it is read: by the property of that name, ${env.NAME} by the environment, with
// ${env.NAME-default} and ${env.NAME:-default}, the inner one first where they are nested, at most 20 times. What is bound
// to nothing stays as it is. Java's system properties do not exist here, except user.name and user.home: a value that
// relies on another one, set by -D in HADOOP_OPTS, stays with its ${name}.
//
// Not read, because nothing used here depends on it: yarn-site.xml (unless it is named), mapred-site.xml, hdfs-rbf-site.xml, DOCTYPEs and the
// entities that they define.
package hadoopconf
