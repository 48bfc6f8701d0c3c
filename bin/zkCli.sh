#!/bin/sh
# The command line client, under the original's name: all arguments go to zkcli.

ZOOBINDIR="$(cd "$(dirname "$0")" && pwd)" || exit 1
if [ -e "$ZOOBINDIR/../libexec/zkEnv.sh" ]; then
  # shellcheck source=bin/zkEnv.sh
  . "$ZOOBINDIR/../libexec/zkEnv.sh"
else
  # shellcheck source=bin/zkEnv.sh
  . "$ZOOBINDIR/zkEnv.sh"
fi

case "${CLIENT_JVMFLAGS:-} ${JVMFLAGS:-}" in
*zookeeper.client.secure=true* | *java.security.auth.login.config=*)
  echo "zkCli.sh: CLIENT_JVMFLAGS or JVMFLAGS ask for TLS or SASL, which zkcli does not speak yet: unset them" >&2
  exit 1
  ;;
esac
program="$(program zkcli)" || exit 1
exec "$program" "$@"
