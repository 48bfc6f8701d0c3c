#!/bin/sh
# The server, under the original's name and with its arguments:
#
#   zkServer.sh [--config DIR] {start|start-foreground|stop|version|restart|status|print-cmd} [CONFIGURATION]

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

case "${1:-}" in
start | start-foreground | restart)
  if [ -n "${JMXPORT:-}" ]; then
    echo "zkServer.sh: JMXPORT has no meaning here: there is no JMX. The HTTP commands (admin.serverPort) and the metrics for" \
      "Prometheus (metricsProvider.className) tell the same" >&2
  fi
  ;;
esac
program="$(program zkserver)" || exit 1
if [ -n "${CONFIG_GIVEN:-}" ]; then
  exec "$program" --config "$ZOOCFGDIR" "$@"
fi
exec "$program" "$@"
