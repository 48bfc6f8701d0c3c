#!/bin/sh
# zkfc as "hdfs zkfc" is called, without Hadoop's scripts:
#
#   zkfc.sh [--config DIR] [--daemon start|stop|restart|status] ARGUMENTS
#
# DIR is Hadoop's configuration directory, else HADOOP_CONF_DIR and the usual places. --daemon keeps the files that the
# original's scripts keep: $HADOOP_PID_DIR/hadoop-USER-zkfc.pid (HADOOP_PID_DIR: /tmp unless set), and
# $HADOOP_LOG_DIR/hadoop-USER-zkfc-HOST.log (HADOOP_LOG_DIR: $HADOOP_HOME/logs or ./logs unless set). These variables, USER
# (HADOOP_IDENT_STRING) and HADOOP_STOP_TIMEOUT are taken from hadoop-env.sh and hdfs-env.sh, too, and so are HADOOP_OPTS and
# HDFS_ZKFC_OPTS, of which zkfc takes what is about TLS towards ZooKeeper (-Dzookeeper.ssl.*). status exits with 0 when it
# runs, 1 when it has died and left its pid file, 3 when it is stopped. stop hands an active node's role over, restart keeps it.

bin="$(cd "$(dirname "$0")" && pwd)" || exit 1
mode=default
while [ $# -gt 1 ]; do
  case "$1" in
  --config)
    HADOOP_CONF_DIR="$2"
    export HADOOP_CONF_DIR
    ;;
  --daemon) mode="$2" ;;
  *) break ;;
  esac
  shift 2
done

program=zkfc
[ -x "$bin/zkfc" ] && program="$bin/zkfc"

# What Hadoop's files set wins over the environment, as in Hadoop's own scripts. The files are bash's.
conf="${HADOOP_CONF_DIR:-${HADOOP_HOME:+$HADOOP_HOME/etc/hadoop}}"
if [ -n "$conf" ] && [ -z "${HADOOP_ENV_PROCESSED:-}" ] && command -v bash >/dev/null 2>&1; then
  set="$(HADOOP_CONF_DIR="$conf" bash -c '
    for file in hadoop-env.sh hdfs-env.sh; do
      [[ ! -f "$HADOOP_CONF_DIR/$file" ]] || . "$HADOOP_CONF_DIR/$file" >&2
    done
    for name in HADOOP_IDENT_STRING HADOOP_LOG_DIR HADOOP_PID_DIR HADOOP_STOP_TIMEOUT HADOOP_USER_NAME \
      HADOOP_OPTS HADOOP_ZKFC_OPTS HDFS_ZKFC_OPTS; do
      [[ -z "${!name}" ]] || printf "export %s=%q\n" "$name" "${!name}"
    done')" || {
    echo "ERROR: zkfc: hadoop-env.sh or hdfs-env.sh in $conf fails; bash -x shows where" >&2
    exit 1
  }
  eval "$set"
fi

ident="${HADOOP_IDENT_STRING:-$(id -un)}"
pidfile="${HADOOP_PID_DIR:-/tmp}/hadoop-$ident-zkfc.pid"
logs="${HADOOP_LOG_DIR:-${HADOOP_HOME:-.}/logs}"

# running: whether the process of the pid file lives.
running() {
  [ -f "$pidfile" ] && pid="$(cat "$pidfile")" && [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null
}

# end SIGNAL: it ends, by force if it takes too long.
end() {
  kill -s "$1" "$pid"
  waited=0
  while kill -0 "$pid" 2>/dev/null; do
    if [ "$waited" -ge "$((${HADOOP_STOP_TIMEOUT:-5} * 10))" ]; then
      echo "WARNING: zkfc did not stop gracefully after ${HADOOP_STOP_TIMEOUT:-5} seconds: Trying to kill with kill -9" >&2
      kill -9 "$pid" 2>/dev/null
      break
    fi
    sleep 0.1 2>/dev/null || sleep 1
    waited=$((waited + 1))
  done
  rm -f "$pidfile"
}

[ "$mode" = restart ] && {
  running && end USR1 # the session, and with it an active node's role, waits for the next one
  mode=start
}

case "$mode" in
default) exec "$program" "$@" ;;
start)
  if running; then
    echo "zkfc is running as process $pid.  Stop it first and ensure $pidfile file is empty before retry." >&2
    exit 1
  fi
  mkdir -p "$logs" || exit 1
  log="$logs/hadoop-$ident-zkfc-$(uname -n).log"
  nohup "$program" "$@" >>"$log" 2>&1 </dev/null &
  pid=$!
  echo "$pid" >"$pidfile" || {
    kill "$pid"
    exit 1
  }
  sleep 1
  if ! kill -0 "$pid" 2>/dev/null; then
    echo "ERROR: zkfc ended at once; the end of $log:" >&2
    tail -n 5 "$log" >&2
    rm -f "$pidfile"
    exit 1
  fi
  ;;
stop)
  if ! running; then
    rm -f "$pidfile"
    exit 0
  fi
  end TERM
  ;;
status)
  if running; then
    echo "zkfc is running as process $pid."
  elif [ -f "$pidfile" ]; then
    echo "zkfc is not running, but $pidfile exists."
    exit 1
  else
    echo "zkfc is stopped."
    exit 3
  fi
  ;;
*)
  echo "usage: zkfc.sh [--config DIR] [--daemon start|stop|restart|status] ARGUMENTS" >&2
  exit 1
  ;;
esac
