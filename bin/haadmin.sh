#!/bin/sh
# haadmin as "hdfs haadmin" is called, without Hadoop's scripts:
#
#   haadmin.sh [--config DIR] ARGUMENTS
#
# DIR is Hadoop's configuration directory, else HADOOP_CONF_DIR and the usual places.

bin="$(cd "$(dirname "$0")" && pwd)" || exit 1
if [ "${1:-}" = "--config" ] && [ $# -gt 1 ]; then
  HADOOP_CONF_DIR="$2"
  export HADOOP_CONF_DIR
  shift 2
fi
if [ -x "$bin/haadmin" ]; then
  exec "$bin/haadmin" "$@"
fi
exec haadmin "$@"
