#!/usr/bin/env bash
# What the action does, with its inputs in the environment: gets pyproctest, runs it, writes the summary of
# the job, and ends with the status of the run.
set -euo pipefail

refuse() {
  echo "::error::$1"
  exit 2
}

case "$ROLE" in
  worker | framer | pool) ;;
  *) refuse "the role is '$ROLE': give worker, framer or pool" ;;
esac
[ -n "$COMMAND" ] || refuse "the command is empty: give the one that starts your $ROLE"
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
if [ -n "$KNOWN_FAILING" ]; then
  arguments+=(--known-failing "$KNOWN_FAILING")
fi
status=0
"$bin/pyproctest" "${arguments[@]}" || status=$?
if [ -f "$REPORT/report.md" ]; then
  cat "$REPORT/report.md" >> "$GITHUB_STEP_SUMMARY"
fi
exit "$status"
