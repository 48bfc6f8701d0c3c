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
// So a key of hdfs-default.xml cannot be set in core-site.xml (Notes says so). A property marked <final>true</final> cannot be
// changed by a later file. An empty <value/> counts as not written. Names of old releases mean today's.
//
// Files may include others (<xi:include href="…"> with <fallback>): relative to the configuration directory or to the file that
// was named after -conf, never to the file that includes; or by an absolute path or a file: URL. Texts that a DOCTYPE defines
// as entities are known. Elements that do not belong there are passed over (Notes).
//
// ${name} in a value is replaced when it is read: by the property of that name, ${env.NAME} by the environment, with
// ${env.NAME-default} and ${env.NAME:-default}, the inner one first where they are nested, at most 20 times. What is bound
// to nothing stays as it is. Java's system properties do not exist here, except user.name, user.home and java.io.tmpdir: a value that
// relies on another one, set by -D in HADOOP_OPTS, stays with its ${name}.
//
// Not read, because nothing used here depends on it: yarn-site.xml (unless it is named), mapred-site.xml, hdfs-rbf-site.xml.
// Refused: includes from the network, entities that are files or hold elements. tests/compat compares with the original.
package hadoopconf
