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
arguments=(run "--$ROLE" "$COMMAND" --framing "$FRAMING")
for kind in html json xml md; do
  arguments+=(--report "$REPORT/report.$kind")
done
# each FLAG LIST: the flag once for each word of the list. No word is taken for the name of a file, as WRK-* would be.
each() {
  local words word
  while read -r -a words || [ "${#words[@]}" -gt 0 ]; do
    for word in "${words[@]+"${words[@]}"}"; do
      arguments+=("$1" "$word")
    done
  done <<< "$2"
}
each --clause "$CLAUSE"
each --exclude "$EXCLUDE"
[ -z "$NAME" ] || arguments+=(--name "$NAME")
[ -z "$SHARD" ] || arguments+=(--shard "$SHARD")
[ -z "$PATIENCE" ] || arguments+=(--patience "$PATIENCE")
[ "$STRICT" != true ] || arguments+=(--strict)
[ -z "$KNOWN_FAILING" ] || arguments+=(--known-failing "$KNOWN_FAILING")

rm -f "$REPORT/report.json" "$REPORT/report.md" # of an earlier use
status=0
"$bin/pyproctest" "${arguments[@]}" || status=$?
if [ -f "$REPORT/report.md" ]; then
  cat "$REPORT/report.md" >> "$GITHUB_STEP_SUMMARY"
fi
if [ -f "$REPORT/report.json" ]; then
  "$bin/pyproctest" report --github "$REPORT/report.json" || true # its status is that of the run
else
  output "verdict=not run"
fi
exit "$status"
