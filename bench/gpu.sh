#!/usr/bin/env bash
# All that a machine with an NVIDIA GPU is to show, in ten minutes and without a network: bench/gpu.sh OUT [options]
#
#   --device D   cuda unless given; with cpu, everything but the graphs can be tried anywhere
#   --tiny       small models and few steps
#   --seconds N  for everything; 570 unless given
#   --parts A,B  of build, tests, rows, train; all unless given
#   --rows A,B   of those in bench/gpu/rows.ts; all unless given
#
# It builds the addon against the torch of the python3 on the PATH (or of PIXART_PYTHON), runs test/gpu, measures rows beside PyTorch and
# diffusers, and trains configs/emoji_full.ts for the time that is left. OUT, a new or empty folder, gets report.md, report.json, a log
# of each part, and pictures and model as pieces of a tar (cat made.tar.* | tar -x). A part that fails leaves the others alone.
# What a bare machine lacks can be carried there: bench/gpu-pack.ts.
#
# Exit codes: 0 where every part passed, 1 where one failed or had no time, 2 where nothing could begin.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ALL_PARTS=build,tests,rows,train
PACK=$ROOT/build/gpu-pack.tar.xz
CARRIED=$ROOT/build/gpu

refuse() {
  printf 'gpu.sh: %s\n' "$1" >&2
  exit 2
}

say() {
  printf 'gpu.sh, %d s: %s\n' "$SECONDS" "$1" >&2
}

out='' device=cuda tiny='' seconds=570 parts=$ALL_PARTS rows=''
while (($# > 0)); do
  case $1 in
    --tiny) tiny=--tiny ;;
    --device | --seconds | --parts | --rows)
      (($# > 1)) || refuse "Expected a value for $1"
      printf -v "${1#--}" '%s' "$2"
      shift
      ;;
    -*) refuse "Expected --device, --tiny, --seconds, --parts or --rows but received $1" ;;
    *)
      [[ -z $out ]] || refuse "Expected one folder but received $out and $1"
      out=$1
      ;;
  esac
  shift
done
[[ -n $out ]] || refuse 'Expected a folder for the report: bench/gpu.sh OUT'
[[ $seconds =~ ^[1-9][0-9]*$ ]] || refuse "Expected whole seconds for --seconds but received $seconds"
IFS=, read -ra wanted <<<"$parts"
for name in "${wanted[@]}"; do
  [[ ,$ALL_PARTS, == *",$name,"* ]] || refuse "Expected parts of $ALL_PARTS but received $name"
done
mkdir -p "$out"
out=$(cd "$out" && pwd)
[[ -z $(ls -A "$out") ]] || refuse "Expected an empty folder but received $out"
work=$(mktemp -d "${TMPDIR:-/tmp}/pixart-gpu-XXXXXX")
running=''
trap 'rm -rf "$work"' EXIT
# timeout hands a signal on to all that a part started.
trap 'if [[ -n $running ]]; then kill "$running"; fi; exit 143' INT TERM
cd "$ROOT"

# ---- what is there ----------------------------------------------------------------------------------------------

unpack() {
  say "Unpacking ${PACK#"$ROOT"/}"
  if tar --version >/dev/null 2>&1 && xz --version >/dev/null 2>&1; then
    tar -xJf "$PACK"
  else
    python3 -m tarfile -e "$PACK" .
  fi
  # Set-up asks npm for packages where the list of those installed is older than the lockfile.
  touch node_modules/.package-lock.json
}

# What npm installed here stays as it is.
if [[ -f $PACK && (! -d node_modules/tsx || $PACK -nt $CARRIED/node) && (-d $CARRIED || ! -d node_modules) ]]; then unpack; fi
if [[ -x $CARRIED/node ]]; then export PATH=$CARRIED:$PATH; fi

has() {
  "$@" >/dev/null 2>&1
}

python=${PIXART_PYTHON:-python3}
if ! has "$python" -c 'import torch' && has "$ROOT/.pixart/python/bin/python" -c 'import torch'; then
  python=$ROOT/.pixart/python/bin/python
fi
if [[ -d $CARRIED/python ]]; then export PYTHONPATH=$CARRIED/python${PYTHONPATH:+:$PYTHONPATH}; fi

missing=()
has node --version || missing+=('Node.js 20.19 or newer (on the PATH, or carried: bench/gpu-pack.ts)')
[[ -d $ROOT/node_modules/tsx ]] || missing+=('the npm packages (npm ci, or carried: bench/gpu-pack.ts)')
has "$python" -c 'import torch' || missing+=("torch 2.11 to 2.13 for $python")
has "${CXX:-c++}" --version || has g++ --version || missing+=('a C++ compiler')
has cmake --version || missing+=('CMake')
has make --version || has ninja --version || missing+=('make or Ninja')
has timeout --version || missing+=('timeout (GNU coreutils)')
if [[ $device == cuda* ]] && ! has nvidia-smi; then missing+=('an NVIDIA GPU with its driver (nvidia-smi)'); fi
if ((${#missing[@]} > 0)); then
  printf -v list '\n  - %s' "${missing[@]}"
  refuse "Missing on this machine:$list"
fi
PIXART_PYTHON=$(command -v "$python")
PIXART_LIBTORCH=$("$python" -c 'import os, torch; print(os.path.dirname(torch.__file__))')
export PIXART_PYTHON PIXART_LIBTORCH
say "Node $(node --version), $PIXART_PYTHON, $PIXART_LIBTORCH"

# ---- parts ------------------------------------------------------------------------------------------------------

# For the report, and for what is still to be written when the time is over.
RESERVE=15
failed=0

# Seconds that a part may take: the lesser of those given and a share in percent of those left.
budget_of() {
  local most=$1 share=$2 left=$(((seconds - SECONDS - RESERVE) * $2 / 100))
  printf '%d' $((left < most ? left : most))
}

# NAME BUDGET COMMAND...: runs a part that is wanted, with a log of its own.
part() {
  local name=$1 budget=$2 code=0 start=$SECONDS
  shift 2
  [[ ,$parts, == *",$name,"* ]] || return 0
  if ((budget < 5)); then
    code=no-time
  else
    say "$name, at most $budget s"
    timeout --kill-after=10 "$budget" "$@" >"$out/$name.log" 2>&1 &
    running=$!
    wait "$running" || code=$?
    running=''
  fi
  if [[ $code != 0 ]]; then failed=1; fi
  printf '%s\t%s\t%s\t%s\n' "$name" "$((SECONDS - start))" "$budget" "$code" >>"$work/parts.tsv"
  say "$name: $code"
}

build() {
  node scripts/setup.mjs
  node --import tsx src/cli/main.ts doctor --json >"$work/doctor.json"
  node --import tsx src/cli/main.ts doctor
}

# Small files first; the short form leaves out trainings.
gpu_tests() {
  local files=()
  if [[ -n $tiny ]]; then files=(forward graph picture); fi
  PIXART_TEST_DEVICE=$device PIXART_TEST_PICTURES=$work/made/pictures \
    node node_modules/vitest/vitest.mjs run --config vitest.gpu.config.ts \
    --reporter=verbose --reporter=json --outputFile.json="$work/tests.json" "${files[@]}"
}

measure_rows() {
  local names=()
  if [[ -n $rows ]]; then IFS=, read -ra names <<<"$rows"; fi
  node --import tsx bench/gpu/measure-rows.ts "$work/rows.json" \
    --device "$device" --seconds "$1" ${tiny:+"$tiny"} "${names[@]}"
}

train() {
  node --import tsx bench/gpu/train-emoji.ts "$work/made" --device "$device" --seconds "$1" ${tiny:+"$tiny"}
}

# timeout runs programs, and these are functions.
export -f build gpu_tests measure_rows train
export work device tiny rows

part build "$(budget_of 180 100)" bash -euo pipefail -c build
part tests "$(budget_of 150 50)" bash -euo pipefail -c gpu_tests
budget=$(budget_of 400 60)
part rows "$budget" bash -euo pipefail -c 'measure_rows "$1"' gpu.sh "$((budget - 5))"
budget=$(budget_of 400 100)
part train "$budget" bash -euo pipefail -c 'train "$1"' gpu.sh "$((budget - 5))"

if [[ -d $work/made ]]; then
  tar -C "$work/made" -cf - . | split -b 15000000 -a 2 -d - "$out/made.tar."
fi
nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader >"$work/gpu.txt" 2>/dev/null || true
node --import tsx bench/gpu/report.ts "$work" "$out" --device "$device" ${tiny:+"$tiny"} || failed=1
say "$out/report.md"
exit "$failed"
