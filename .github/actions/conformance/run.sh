#!/usr/bin/env bash
# What the action does, with its inputs in the environment: gets pyproctest, runs it, writes the summary of
# the job, annotations and outputs, and ends with the status of the run.
set -euo pipefail

output() { echo "$1" >> "$GITHUB_OUTPUT"; }

output "report=$REPORT"
output "artifact=${ARTIFACT:-conformance-$ROLE${SHARD:+-${SHARD/\//-of-}}}"

refuse() {
  echo "::error::$1"
  output "verdict=not run"
  exit 2
}

case "$ROLE" in
  worker | framer | pool) ;;
  *) refuse "the role is '$ROLE': give worker, framer or pool" ;;
esac
[ -n "$COMMAND" ] || refuse "the command is empty: give the one that starts your $ROLE"
case "$STRICT" in
  true | false | "") ;;
  *) refuse "strict is '$STRICT': give true or false" ;;
esac
case "$BENCH" in
  true | quick | false | "") ;;
  *) refuse "bench is '$BENCH': give quick, true or false" ;;
esac
[[ $EXPLORE =~ ^([0-9]+(\.[0-9]+)?(ms|s|m|h))*$ ]] || refuse "explore is '$EXPLORE': give a time such as 60s"
command -v go > /dev/null || refuse "there is no Go on this machine: run actions/setup-go before this action"

bin="$RUNNER_TEMP/pyproctest"
module=github.com/pyproctest/pyproctest/conformance/cmd/pyproctest
unset GOFLAGS GOOS GOARCH
export GOWORK=off
if [ -n "$VERSION" ]; then
  GOBIN="$bin" go install "$module@$VERSION"
else # as it is checked out with the action
  go build -C "$GITHUB_ACTION_PATH/../../.." -o "$bin/pyproctest" ./conformance/cmd/pyproctest
fi

mkdir -p "$REPORT"
rm -rf "$REPORT"/{report,explore}.{html,json,xml,md} "$REPORT"/{found,bench} # of an earlier use

# What run and explore have in common.
common=("--$ROLE" "$COMMAND" --framing "$FRAMING")
[ -z "$NAME" ] || common+=(--name "$NAME")
[ -z "$PATIENCE" ] || common+=(--patience "$PATIENCE")
[ "$STRICT" != true ] || common+=(--strict)
[ -z "$KNOWN_FAILING" ] || common+=(--known-failing "$KNOWN_FAILING")

# each LIST: its words, one a line. None is taken for the name of a file, as WRK-* would be.
each() {
  local words
  while read -r -a words || [ "${#words[@]}" -gt 0 ]; do
    [ "${#words[@]}" -eq 0 ] || printf '%s\n' "${words[@]}"
  done <<< "$1"
}

# reports NAME: the flags for one of each kind
reports() {
  for kind in html json xml md; do
    arguments+=(--report "$REPORT/$1.$kind")
  done
}

# tell NAME: the report into the summary, and as annotations. Its outputs go to the file that $GITHUB_OUTPUT names.
tell() {
  [ ! -f "$REPORT/$1.md" ] || cat "$REPORT/$1.md" >> "$GITHUB_STEP_SUMMARY"
  [ ! -f "$REPORT/$1.json" ] || "$bin/pyproctest" report --github "$REPORT/$1.json" || true # its status is that of the run
}

# value NAME FILE: the output of that name
value() { sed -n "s/^$1=//p" "$2" | tail -n 1; }

arguments=(run "${common[@]}")
reports report
while read -r word; do
  [ -z "$word" ] || arguments+=(--clause "$word")
done < <(each "$CLAUSE")
while read -r word; do
  [ -z "$word" ] || arguments+=(--exclude "$word")
done < <(each "$EXCLUDE")
[ -z "$SHARD" ] || arguments+=(--shard "$SHARD")
status=0
"$bin/pyproctest" "${arguments[@]}" || status=$?
tell report
[ -f "$REPORT/report.json" ] || output "verdict=not run"
[ "$status" -le 1 ] || exit "$status" # there is nothing to explore or to measure

if [ -n "$EXPLORE" ]; then
  arguments=(explore "${common[@]}" --for "$EXPLORE" --save "$REPORT/found")
  reports explore
  while read -r word; do # WRK-10 where cases of it are asked for, as WRK-10/*
    [ -z "$word" ] || arguments+=(--clause "${word%%/*}")
  done < <(each "$CLAUSE")
  explored=0
  "$bin/pyproctest" "${arguments[@]}" || explored=$?
  outputs="$RUNNER_TEMP/explored"
  : > "$outputs"
  GITHUB_OUTPUT="$outputs" tell explore
  output "found=$(value failed "$outputs")"
  if [ "$explored" -eq 1 ] && [ "$(value verdict "$outputs")" = violated ]; then
    output "verdict=violated" # of two lines the later one counts
  elif [ "$explored" -ne 0 ] && [ "$status" -eq 0 ]; then
    output "verdict=unknown"
  fi
  [ "$explored" -le 1 ] || echo "::error title=explore could not run::The log of this step says why."
  [ "$status" -ne 0 ] || status=$explored
fi

if [ "$BENCH" = true ] || [ "$BENCH" = quick ]; then
  arguments=(bench "--$ROLE" "$COMMAND" --out "$REPORT/bench")
  [ "$BENCH" != quick ] || arguments+=(--quick)
  if "$bin/pyproctest" "${arguments[@]}"; then
    { printf '### How fast it is\n\n~~~~~~\n'; cat "$REPORT/bench/report.txt"; printf '~~~~~~\n\n'; } >> "$GITHUB_STEP_SUMMARY"
  else # a run says whether it is right; this fails nothing
    echo "::warning title=bench gave no table::The log of this step says why."
  fi
fi
exit "$status"
