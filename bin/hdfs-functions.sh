# Makes "hdfs zkfc" and "hdfs haadmin" run our programs: one line in hadoop-user-functions.sh of Hadoop's configuration directory
# is enough,
#
#   . /opt/holdfast/bin/hdfs-functions.sh
#
# and hdfs --daemon start zkfc, start-dfs.sh and whatever else calls hdfs go on as before. Without the line they run Hadoop's
# again. (Hadoop 3's scripts prefer a function hdfs_subcommand_NAME to their own NAME: "Dynamic Subcommands" in its Unix Shell
# Guide.) For bash, as all of Hadoop's scripts are.

holdfast_bin="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

# The variables that Hadoop's scripts have worked out, which they do not all export. hadoop-env.sh has been read by then.
holdfast_export() {
  export HADOOP_CONF_DIR HADOOP_HOME HADOOP_IDENT_STRING HADOOP_LOG_DIR HADOOP_PID_DIR HADOOP_STOP_TIMEOUT
  export HADOOP_OPTS HADOOP_ZKFC_OPTS HDFS_ZKFC_OPTS # zkfc takes what is about TLS
  export HADOOP_ENV_PROCESSED=true
}

hdfs_subcommand_zkfc() {
  if [[ "${HADOOP_WORKER_MODE}" = true ]]; then
    return # hdfs --workers: this machine only asks others, and each of them comes here again
  fi
  holdfast_export
  exec "${holdfast_bin}/zkfc.sh" --daemon "${HADOOP_DAEMON_MODE:-default}" "$@"
}

hdfs_subcommand_haadmin() {
  if [[ "${HADOOP_WORKER_MODE}" = true ]]; then
    return
  fi
  holdfast_export
  exec "${holdfast_bin}/haadmin.sh" "$@"
}
