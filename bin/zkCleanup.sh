#!/bin/sh
# Removes old snapshots and logs, under the original's name: zkCleanup.sh -n COUNT, also beside a running server.

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

if [ ! -r "$ZOOCFGFILE" ]; then
  echo "zkCleanup.sh: cannot read $ZOOCFGFILE: name its directory with ZOOCFGDIR" >&2
  exit 1
fi
datadir="$(setting dataDir "$ZOOCFGFILE")"
datalogdir="$(setting dataLogDir "$ZOOCFGFILE")"
if [ -z "$datadir" ]; then
  echo "zkCleanup.sh: there is no dataDir in $ZOOCFGFILE" >&2
  exit 1
fi
program="$(program zktool)" || exit 1
exec "$program" PurgeTxnLog -live "${datalogdir:-$datadir}" "$datadir" "$@"
