# What the scripts of this folder share: the cache, downloads, Java, starting and stopping. Sourced, never run.
# shellcheck shell=bash

ENGINES=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${SKEP_ENGINES:-${XDG_CACHE_HOME:-$HOME/.cache}/skep-engines}
mkdir -p "$CACHE" && CACHE=$(cd "$CACHE" && pwd)

say() { echo "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }
need() { command -v "$1" >/dev/null || die "$1 is not on the PATH: $2"; }

# Prints the comment that opens the calling script, and ends it.
usage() { sed -n '2,/^[^#]/{/^[^#]/d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2; }

# absolute DIR: creates DIR and prints its full path.
absolute() { mkdir -p "$1" && (cd "$1" && pwd); }

# ---------------------------------------------------------------- downloads

# once NAME STAMP COMMAND...: prints the folder $CACHE/NAME. COMMAND fills it (its path is the last argument), unless
# an earlier call with the same STAMP has done so to the end.
once() {
  local dir=$CACHE/$1 stamp=$2; shift 2
  mkdir -p "$(dirname "$dir")"
  (
    flock 9
    [[ $(cat "$dir/.stamp" 2>/dev/null) != "$stamp" ]] || exit 0
    say "fetching ${dir#"$CACHE"/}, once"
    rm -rf "$dir" && mkdir "$dir" && "$@" "$dir" >&2 && echo "$stamp" >"$dir/.stamp"
  ) 9>"$dir.lock" || die "could not fetch ${dir#"$CACHE"/}"
  echo "$dir"
}

maven() {
  need mvn "install Maven 3.6 or later"
  (cd "$CACHE" && mvn -B -ntp "$@") </dev/null >"$CACHE/maven.log" 2>&1 ||
    { grep '^.*ERROR' "$CACHE/maven.log" | head -n 5 >&2; say "see $CACHE/maven.log"; return 1; }
}

# jars NAME [POM]: prints the folder with the jars that poms/NAME.xml (or POM) asks for.
jars() {
  local pom=${2:-$ENGINES/poms/$1.xml}
  [[ -f $pom ]] || die "no such pom: $pom"
  once "jars/$1" "$(cksum <"$pom")" copy_jars "$pom"
}
copy_jars() { maven -f "$1" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$2"; }

# unpacked NAME GROUP:ARTIFACT:VERSION:tar.gz[:CLASSIFIER] [PART]: prints the folder with the contents of the archive's
# top folder, or of them only PART.
unpacked() { once "$1" "$2" unpack "$2" "${3:-}"; }
unpack() {
  maven dependency:copy -Dartifact="$1" -DoutputDirectory="$3" &&
    tar xzf "$3"/*.tar.gz -C "$3" --strip-components=1 ${2:+--wildcards "*/$2"} &&
    rm "$3"/*.tar.gz
}

# python_env NAME: prints the folder of a virtual environment with what python/NAME.txt asks for.
python_env() {
  local list=$ENGINES/python/$1.txt
  once "python/$1" "$(cksum <"$list")" make_env "$list"
}
make_env() {
  local python=${SKEP_PYTHON:-python3} minor
  need "$python" "install Python 3.10 or 3.11, or set SKEP_PYTHON"
  minor=$("$python" -c 'import sys; print(sys.version_info.minor)')
  ((minor == 10 || minor == 11)) || die "$python is 3.$minor, and Spark 3.5 wants 3.11 at most: set SKEP_PYTHON"
  "$python" -m venv "$2" && "$2/bin/pip" install -q --disable-pip-version-check -r "$1"
}

# ---------------------------------------------------------------- Java

# java_home MIN MAX: prints the home of a JDK whose version lies within: the first of $JAVA_HOME_MIN, any other
# $JAVA_HOME*, `java` on the PATH, /usr/lib/jvm.
java_home() {
  local variable home version
  for home in $(for variable in "JAVA_HOME_$1" $(compgen -v JAVA_HOME); do echo "${!variable:-}"; done) \
    "$(readlink -f "$(command -v java)" | sed 's|/bin/java$||')" /usr/lib/jvm/*; do
    version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$home/release" 2>/dev/null) || continue
    [[ -n $version ]] && ((version >= $1 && version <= $2)) && { echo "$home"; return; }
  done
  die "no Java $1 to $2 found: install one and set JAVA_HOME_$1"
}

# Prints the options that open to Hadoop and Hive what they reach by reflection.
add_opens() {
  local package
  for package in java.base/java.{io,lang,lang.invoke,lang.reflect,net,nio,time,util,util.concurrent,util.concurrent.atomic,util.regex} \
    java.base/sun.nio.{ch,cs} java.sql/java.sql java.security.jgss/sun.security.krb5; do
    echo "--add-opens=$package=ALL-UNNAMED"
  done
}

# site_xml FILE...: writes the `key=value` lines of standard input to every FILE, as a Hadoop configuration.
site_xml() {
  {
    echo "<configuration>"
    sed -n 's/&/\&amp;/g;s/</\&lt;/g;s|^\([^#=][^=]*\)=\(.*\)|<property><name>\1</name><value>\2</value></property>|p'
    echo "</configuration>"
  } | tee "$@" >/dev/null
}

# log4j2 FILE...: writes a Log4j 2 configuration that logs to standard error.
log4j2() {
  tee "$@" >/dev/null <<X
status = error
rootLogger.level = ${LOG_LEVEL:-info}
rootLogger.appenderRef.e.ref = e
appender.e.type = Console
appender.e.name = e
appender.e.target = SYSTEM_ERR
appender.e.layout.type = PatternLayout
appender.e.layout.pattern = %d{HH:mm:ss.SSS} %-5p [%t] %c{2} %m%n
X
}

# ---------------------------------------------------------------- skep

# skep_and_clients: sets SKEP_BIN for a script that drives a skep with the Python clients, which are fetched first: what is
# missing shows before anything is built.
skep_and_clients() { "$ENGINES/clients.sh" true && SKEP_BIN=$(skep_program) && export SKEP_BIN; }

# Prints the program to run: $SKEP_BIN, or what the checkout builds with $PROFILE.
skep_program() {
  local root profile=${PROFILE:-dev} target
  [[ -z ${SKEP_BIN:-} ]] || { realpath "$SKEP_BIN"; return; }
  need cargo "install Rust"
  root=$(cd "$ENGINES/../.." && pwd)
  say "building skep"
  (cd "$root" && cargo build -q --locked --profile "$profile" -p server --bin skep) || die "could not build skep"
  target=$(cd "$root" && absolute "${CARGO_TARGET_DIR:-target}")
  echo "$target/${profile/#dev/debug}/skep"
}

# ---------------------------------------------------------------- starting and stopping

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_ports N: prints N ports on which nobody listens now.
free_ports() {
  local port=$((20000 + RANDOM % 10000)) left=$1
  while ((left > 0)); do
    port=$((port + 1))
    listens "$port" || { echo "$port"; left=$((left - 1)); }
  done
}

# Prints the path of the shim that binds to 127.0.0.1 what would bind to all addresses.
loopback() { echo "$(once loopback "$(cksum <"$ENGINES/loopback.c")" compile_loopback)/loopback.so"; }
compile_loopback() {
  need "${CC:-cc}" "install a C compiler"
  "${CC:-cc}" -shared -fPIC -O2 -o "$1/loopback.so" "$ENGINES/loopback.c" -ldl
}

# start DIR COMMAND...: runs COMMAND in DIR until `stop DIR`, and returns when `ready DIR` holds.
# What it prints goes to DIR/log, its process id to DIR/pid.
start() {
  local dir=$1 pid begun=$SECONDS limit_s=${START_LIMIT_S:-60}; shift
  ! running "$dir" || die "already running from $dir: pid $(cat "$dir/pid")"
  : >"$dir/log"
  (cd "$dir" && exec nohup "$@" </dev/null >"$dir/log" 2>&1) &
  pid=$!
  echo "$pid" >"$dir/pid"
  until ready "$dir"; do
    kill -0 "$pid" 2>/dev/null || { tail -n 20 "$dir/log" >&2; die "ended while starting, see $dir/log"; }
    ((SECONDS - begun < limit_s)) || { stop "$dir"; die "not up after $limit_s s, see $dir/log"; }
    sleep 0.1
  done
}

# Whether the process of DIR/pid is there and works in DIR. A number that another process has got since is not ours.
running() {
  local pid
  pid=$(cat "$1/pid" 2>/dev/null) && [[ $(readlink "/proc/$pid/cwd")/ == "$1"/* ]]
}

# stop DIR: ends the process that `start` started there, and no other.
stop() {
  local pid try
  running "$1" || return 0
  pid=$(cat "$1/pid")
  kill -s "${STOP_SIGNAL:-TERM}" "$pid"
  for try in {1..150}; do
    running "$1" || break
    ((try != 100)) || { say "pid $pid does not stop: killed"; kill -9 "$pid"; }
    sleep 0.1
  done
  rm -f "$1/pid"
}
