#!/bin/sh
# Measures zkserver against an unmodified Apache ZooKeeper 3.9 on this machine, and prints the ratios with the goals.
#
#   tools/bench.sh [DIR] [flag of zkbench compare ...]
#
# DIR is an unpacked binary release of Apache ZooKeeper or a directory of its jars. Without it $ZOOKEEPER_HOME is taken if
# set, and otherwise Maven's local repository, which is filled if need be. Needs Java 11 or newer. As documented it takes
# ten minutes on a machine that does nothing else; "tools/bench.sh --seconds 2 --znodes 100000" takes about two.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
original=${ZOOKEEPER_HOME:-}
case ${1:-} in
  '' | -*) ;;
  *) original=$1; shift ;;
esac
programs=$(mktemp -d)
trap 'rm -rf "$programs"' EXIT
trap 'exit 130' INT TERM
(cd "$here" && CGO_ENABLED=0 ${GO:-go} build -trimpath -o "$programs/" ./cmd/zkserver ./cmd/zkbench)
"$programs/zkbench" compare ${original:+--original "$original"} --zkserver "$programs/zkserver" "$@"
