# Sourced by the other scripts here, never run. It settles where the configuration and the programs are:
#
#   ZOOCFGDIR  from --config DIR, the environment, or conf/ or etc/zookeeper/ beside this directory
#   ZOOCFG     name of the configuration in it, zoo.cfg unless the environment says otherwise; ZOOCFGFILE is its path
#   zookeeper-env.sh and java.env in ZOOCFGDIR are read, so ZOO_LOG_DIR, SERVER_JVMFLAGS and the like can be set there
#
# The programs are looked for beside the scripts, then on PATH. No Java is needed; JVMFLAGS are read for their -D only.
# shellcheck shell=sh

ZOOBINDIR="${ZOOBINDIR:-/usr/bin}"

if [ $# -gt 1 ] && [ "$1" = "--config" ]; then
  ZOOCFGDIR="$2"
  shift 2 # of the script that sources this
  # shellcheck disable=SC2034 # for zkServer.sh
  CONFIG_GIVEN=yes
fi

if [ -z "${ZOOCFGDIR:-}" ]; then
  if [ -e "$ZOOBINDIR/../conf" ]; then
    ZOOCFGDIR="$ZOOBINDIR/../conf"
  else
    ZOOCFGDIR="$ZOOBINDIR/../etc/zookeeper"
  fi
fi

if [ -f "$ZOOCFGDIR/zookeeper-env.sh" ]; then
  # shellcheck source=/dev/null
  . "$ZOOCFGDIR/zookeeper-env.sh"
fi
if [ -f "$ZOOCFGDIR/java.env" ]; then
  # shellcheck source=/dev/null
  . "$ZOOCFGDIR/java.env"
fi

ZOOCFG="${ZOOCFG:-zoo.cfg}"
# shellcheck disable=SC2034 # for the scripts that source this
ZOOCFGFILE="$ZOOCFGDIR/$ZOOCFG"
ZOO_LOG_DIR="${ZOO_LOG_DIR:-$ZOOBINDIR/../logs}"
export ZOOCFGDIR ZOOCFG ZOO_LOG_DIR
for holdfast_var in SERVER_JVMFLAGS CLIENT_JVMFLAGS JVMFLAGS ZOOPIDFILE ZOO_LOG_FILE ZOO_DATADIR_AUTOCREATE_DISABLE; do
  if eval "[ -n \"\${$holdfast_var:-}\" ]"; then
    # shellcheck disable=SC2163 # the variable named by it
    export "$holdfast_var"
  fi
done

# program NAME: the path of one of our programs.
program() {
  if [ -x "$ZOOBINDIR/$1" ]; then
    echo "$ZOOBINDIR/$1"
  elif command -v "$1"; then
    :
  else
    echo "$1 is neither beside this script ($ZOOBINDIR) nor on PATH: install it in one of them" >&2
    return 1
  fi
}

# setting KEY FILE: the value of a key of a configuration file, as the original's scripts read it.
setting() {
  sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*//p" "$2" | sed -e 's/[[:space:]]*$//' | tail -n 1
}
