#!/usr/bin/env bash
# Installs what is needed, builds the release, and scans: the paths given, or the models that real frameworks wrote and
# the malicious set that lie in this repository.
#   scripts/scan.sh [PATH ...]
# The exit status is that of the scan: 0 clean, 1 findings, 2 could not tell (0 for the demonstration).
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install_packages.sh
cmake --preset release -DMODELAUDIT_TESTS=OFF -DMODELAUDIT_EXAMPLES=OFF -B build/scan >/dev/null
cmake --build build/scan --target modelaudit_cli >/dev/null
modelaudit=build/scan/cli/modelaudit

if [ "$#" -gt 0 ]; then
  status=0
  "$modelaudit" scan "$@" || status=$?
  exit "$status"
fi

echo "== Models written by real frameworks (expected: clean) =="
"$modelaudit" scan --no-cache --quiet tests/frameworks/models && echo "exit status 0: clean"
echo
echo "== A malicious set (expected: findings) =="
status=0
"$modelaudit" scan --no-cache tests/samples/malicious || status=$?
echo "exit status $status"
[ "$status" -eq 1 ]
echo
echo "Scan your own: scripts/scan.sh PATH ...   or   $modelaudit scan PATH ..."
