#!/bin/sh
# Sums up a snapshot, under the original's name and with its arguments.

ZOOBINDIR="$(cd "$(dirname "$0")" && pwd)" || exit 1
if [ -e "$ZOOBINDIR/../libexec/zkEnv.sh" ]; then
  # shellcheck source=bin/zkEnv.sh
  . "$ZOOBINDIR/../libexec/zkEnv.sh"
else
  # shellcheck source=bin/zkEnv.sh
  . "$ZOOBINDIR/zkEnv.sh"
fi

program="$(program zktool)" || exit 1
exec "$program" SnapshotRecursiveSummary "$@"
