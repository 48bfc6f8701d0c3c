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
for argument in "$@"; do
  case "$argument" in
  --configfile | --configfile=*) exec "$program" init "$@" ;;
  esac
done
exec "$program" init --configfile="$ZOOCFGFILE" "$@"
