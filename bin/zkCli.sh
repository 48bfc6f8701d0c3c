#!/bin/sh
# The command line client, under the original's name: all arguments go to zkcli.

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

case "${CLIENT_JVMFLAGS:-} ${JVMFLAGS:-}" in
*java.security.auth.login.config=*)
  echo "zkCli.sh: CLIENT_JVMFLAGS or JVMFLAGS ask for SASL, which zkcli does not speak yet: unset them" >&2
  exit 1
  ;;
esac
program="$(program zkcli)" || exit 1
exec "$program" "$@"
