#!/usr/bin/env bash
# Runs what is built for Windows under wine:
#
#   tools/wine.sh [tests] [programs] [demo]      all three unless told
#
#   tests      the tests of packages that meet the operating system
#   programs   zkserver, zkcli and zktool by the scripts of bin/*.cmd, from and on directories with blanks, a kill -9 in between
#   demo       hademo: every act once
#
# WINE is the command, wine unless told. It must be version 9 or newer, for 64 bit: older ones lack what Go 1.21 and later need (ProcessPrng).
# Debian 13 has 10: apt-get install wine wine64. An older system can have it in a chroot (debootstrap trixie), with TMPDIR and this directory mounted
# at the same places: WINE is then a script that goes there and keeps the directory it is called in. No display is needed. Everything happens in a
# directory of its own below TMPDIR, but the ports 22181 and those that hademo and the tests choose.
set -euo pipefail
cd "$(dirname "$0")/.."
wine=${WINE:-wine}
go=${GO:-go}
parts=${*:-tests programs demo}

fail() { echo "wine.sh: $*" >&2; exit 1; }
command -v "$wine" >/dev/null || fail "there is no $wine: install wine 9 or newer for 64 bit (Debian 13: apt-get install wine wine64), or name it by WINE"

place=$(mktemp -d)
export WINEPREFIX=$place/wine WINEDEBUG=-all WINEDLLOVERRIDES='mscoree=;mshtml=' CGO_ENABLED=0
unset DISPLAY
end() {
  "$wine" wineboot --kill >/dev/null 2>&1 || true # all that runs in this WINEPREFIX, and nothing else
  for _ in $(seq 50); do # its server writes the registry when the last program is gone
    rm -rf "$place" 2>/dev/null && return
    sleep 0.2
  done
  echo "wine.sh: $place is left" >&2
}
trap end EXIT
trap 'exit 130' INT TERM

"$wine" wineboot --init >/dev/null 2>&1 || fail "$wine wineboot --init fails"
home="$WINEPREFIX/drive_c/Program Files/hold fast"
mkdir -p "$home/bin" "$home/conf"
GOOS=windows GOARCH=amd64 "$go" build -trimpath -o "$home/bin/" ./cmd/...
"$go" build -trimpath -o "$place/native/" ./cmd/zkcli
cp bin/*.cmd "$home/bin/"
"$wine" "$home/bin/zktool.exe" --help >/dev/null 2>&1 || fail "$wine runs no program of this Go: it must be version 9 or newer, for 64 bit ($("$wine" --version))"

# What wine itself lacks: sockets with names in the file system, this machine's addresses on some machines, and the names of addresses (hosts is
# not asked). Its clock moves on in steps of some milliseconds, with which TestNoHandOffIsLost takes minutes. On Windows all of them are to pass.
lacking='^(TestSSHAgentHasTheKey|TestCheckShowsEverythingAtOnce|TestThreeNameNodesOneAnObserver|TestAnswersAreThoseOfTheOriginal|TestZKFCRunsFromHadoopsFiles|TestZkfcAnswersAsRecorded|TestSeveralNodesHereAreToldAsTheOriginalDoes|TestNoHandOffIsLost)$'

tests() {
  local package bad=
  for package in internal/vfs internal/sock internal/bell internal/freeport internal/hadoopconf internal/haconfig zkserver/txnlog zkserver/snapshot zkserver/store \
    zkserver zkserver/config zkserver/cnxn zkserver/peer zkserver/admin zkserver/audit fencing healthcheck failover failover/elector failover/target \
    internal/cli/zkserver internal/cli/zkcli internal/cli/zktool internal/cli/zkfc internal/cli/haadmin internal/hademo tests/crash tests/failover; do
    GOOS=windows "$go" test -c -o "$place/test.exe" "./$package"
    if (cd "$package" && "$wine" "$place/test.exe" -test.timeout=20m -test.skip="$lacking") >"$place/log" 2>&1; then
      echo "ok    $package"
    else
      echo "FAIL  $package"
      tail -c 5000 "$place/log"
      bad="$bad $package"
    fi
  done
  [ -z "$bad" ] || fail "failed:$bad"
}

# batch: runs the lines on its standard input as a batch file, and shows what they say.
batch() {
  sed 's/$/\r/' >"$place/batch.cmd"
  "$wine" cmd /c "$place/batch.cmd" 2>&1 | tr -d '\r' | tee "$place/said"
}

# said TEXT: the last batch said it.
said() { grep -qF -- "$1" "$place/said" || fail "this is missing in the output above: $1"; }

serve() {
  "$wine" cmd /c 'C:\Program Files\hold fast\bin\zkServer.cmd' >"$place/server" 2>&1 &
  for _ in $(seq 60); do
    "$wine" "$home/bin/zkserver.exe" status 'C:\Program Files\hold fast\conf\zoo.cfg' >/dev/null 2>&1 && return
    sleep 0.5
  done
  cat "$place/server"
  fail "zkServer.cmd does not serve"
}

programs() {
  local port=22181
  printf '%s\r\n' 'tickTime=2000' 'dataDir=C:/Program Files/hold fast/data dir' "clientPort=$port" 'clientPortAddress=127.0.0.1' \
    'admin.enableServer=false' >"$home/conf/zoo.cfg"
  printf '%s\r\n' 'dataDir=C:\zk\data' "clientPort=$port" >"$home/conf/lost.cfg"
  serve
  "$place/native/zkcli" -server 127.0.0.1:$port create /from-outside seen
  batch <<'EOF'
@echo off
set B=C:\Program Files\hold fast\bin
call "%B%\zkCli.cmd" -server 127.0.0.1:22181 create "/with blanks" "hello big world"
echo created: %ERRORLEVEL%
call "%B%\zkCli.cmd" -server 127.0.0.1:22181 get /nothing
echo nothing: %ERRORLEVEL%
call "%B%\zkServer.cmd"
echo second server: %ERRORLEVEL%
"%B%\zkserver.exe" check "C:\Program Files\hold fast\conf\lost.cfg"
echo lost backslashes: %ERRORLEVEL%
call "%B%\haadmin.cmd" -getServiceState nn1
echo haadmin: %ERRORLEVEL%
call "%B%\zkfc.cmd" -bogus
echo zkfc: %ERRORLEVEL%
taskkill /F /IM zkserver.exe
EOF
  said 'created: 0'
  said 'nothing: 1'
  said 'is in use by another server'
  said 'second server: 1'
  said 'a single backslash is lost'
  said 'lost backslashes: 2'
  said 'haadmin: 255'
  said 'zkfc: 1'
  wait
  serve
  batch <<'EOF'
@echo off
set B=C:\Program Files\hold fast\bin
set D=C:\Program Files\hold fast\data dir
call "%B%\zkCli.cmd" -server 127.0.0.1:22181 get "/with blanks"
call "%B%\zkCli.cmd" -server 127.0.0.1:22181 get /from-outside
taskkill /F /IM zkserver.exe
call "%B%\zkTxnLogToolkit.cmd" "%D%\version-2\log.1"
echo log: %ERRORLEVEL%
call "%B%\zkSnapShotToolkit.cmd" "%D%\version-2\snapshot.0"
echo snapshot: %ERRORLEVEL%
call "%B%\zkSnapShotToolkit.cmd" "%D%\none"
echo no snapshot: %ERRORLEVEL%
call "%B%\zkSnapshotComparer.cmd" -l "%D%\version-2\snapshot.0" -r "%D%\version-2\snapshot.0" -b 2 -n 1
echo compared: %ERRORLEVEL%
call "%B%\zkSnapshotRecursiveSummaryToolkit.cmd" "%D%\version-2\snapshot.0" / 2
echo summed up: %ERRORLEVEL%
"%B%\zktool.exe" log verify "%D%"
echo verified: %ERRORLEVEL%
"%B%\zktool.exe" purge "%D%" -n 3
echo purged: %ERRORLEVEL%
EOF
  said 'hello big world'
  said 'seen'
  said 'create /with blanks,hello big world'
  for what in log snapshot compared 'summed up' verified purged; do said "$what: 0"; done
  said 'no snapshot: 1'
  wait
}

demo() { "$wine" "$home/bin/hademo.exe" --rounds 1; }

for part in $parts; do
  case $part in
  tests | programs | demo)
    echo "=== $part"
    "$part"
    ;;
  *) fail "there is no part called $part: tests, programs, demo" ;;
  esac
done
