#!/bin/sh
# Shows a snapshot, under the original's name and with its arguments.

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

program="$(program zktool)" || exit 1
exec "$program" SnapshotFormatter "$@"
