#!/usr/bin/env bash
# usage: fuzz.sh SECONDS [TARGET...]
#
# Fuzzes what reads bytes of strangers, each target for SECONDS, all of them if none is named. Ends with 1 at the first
# finding, whose input is kept and named. What the fuzzer learns goes to $SKEP_CACHE (default ~/.cache/skep-build) and is
# where the next run begins.
set -euo pipefail
cd "$(dirname "$0")"

(($# >= 1)) || { sed -n '2,/^[^#]/{/^[^#]/d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2; }
seconds=$1; shift
(($#)) || set -- scanner decoder filter expression
cache=${SKEP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/skep-build}
export PATH=$cache/tools/bin:$PATH CARGO_TARGET_DIR=$cache/fuzz-target
# the sanitizer is an unstable option of the compiler; the code itself is stable Rust
export RUSTC_BOOTSTRAP=1
command -v cargo-fuzz >/dev/null || cargo install -q --root "$cache/tools" cargo-fuzz

for target; do
  mkdir -p "$cache/corpus/$target" "seeds/$target"
  echo "fuzzing $target for $seconds s"
  cargo fuzz run "$target" "$cache/corpus/$target" "seeds/$target" -- \
    -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=2048 -timeout=60 -print_final_stats=1 2>"$cache/fuzz-$target.log" ||
    { tail -n 30 "$cache/fuzz-$target.log" >&2; echo "$target: a finding, see fuzz/artifacts/$target and $cache/fuzz-$target.log" >&2; exit 1; }
  grep -E 'stat::number_of_executed_units|stat::peak_rss_mb' "$cache/fuzz-$target.log"
done
echo "$# passed, 0 failed"
