#!/bin/sh
# Prepares the directories of a new server, under the original's name and with its options:
#
#   zkServer-initialize.sh [--configfile=FILE] [--myid=N] [--force]

self="$0"
while [ -h "$self" ]; do # called by a link
  link="$(readlink "$self")"
  case "$link" in
  /*) self="$link" ;;
  *) self="$(dirname "$self")/$link" ;;
  esac
done
ZOOBINDIR="$(cd "$(dirname "$self")" && pwd)" || exit 1
if [ -e "$ZOOBINDIR/../libexec/zkEnv.sh" ]; then
  # shellcheck source=bin/zkEnv.sh
  . "$ZOOBINDIR/../libexec/zkEnv.sh"
else
  # shellcheck source=bin/zkEnv.sh
  . "$ZOOBINDIR/zkEnv.sh"
fi

program="$(program zkserver)" || exit 1

# On standard output and with exit code 1, also when it was asked for, as the original's.
usage() {
  printf 'usage: %s <parameters>
  Optional parameters:
     -h, --help          Display this message
     --configfile=FILE   ZooKeeper config file (default %s)
     --myid=N            The id of this server, if it is to have one (1-255)
     --force             Empty the directories even if there are data in them
' "$0" "$ZOOCFGFILE"
  exit 1
}

myid="" force=""
while [ -n "${1:-}" ]; do
  case "$1" in
  --configfile=?*) ZOOCFGFILE="${1#*=}" ;;
  --myid=?*) myid="${1#*=}" ;;
  --configfile | --myid)
    if [ $# -lt 2 ]; then
      echo "$1 needs a value"
      usage
    fi
    if [ "$1" = --myid ]; then myid="$2"; else ZOOCFGFILE="$2"; fi
    shift
    ;;
  --force) force=yes ;;
  -h | --help) usage ;;
  *)
    echo "Unknown option: $1"
    usage
    ;;
  esac
  shift
done
"$program" init --configfile="$ZOOCFGFILE" ${myid:+--myid="$myid"} ${force:+--force} || exit 1
