#!/usr/bin/env bash
# Installs what is needed, builds with all warnings as errors, and runs every test twice: as released and under the
# address and undefined-behaviour sanitizers.
#   scripts/test.sh [--frameworks] [--quick]
#     --frameworks  also install the real frameworks from PyPI (gigabytes), write fresh models and judge those
#     --quick       the release build only
set -euo pipefail
cd "$(dirname "$0")/.."

frameworks=no
presets=(release asan)
for option in "$@"; do
  case "$option" in
    --frameworks) frameworks=yes ;;
    --quick) presets=(release) ;;
    *) sed -n '2,7p' "$0" | sed 's/^# \{0,1\}//' >&2; exit 2 ;;
  esac
done

scripts/install_packages.sh
for preset in "${presets[@]}"; do
  echo "== $preset: build =="
  cmake --preset "$preset" >/dev/null
  cmake --build --preset "$preset"
  echo "== $preset: test =="
  ctest --preset "$preset" --parallel "$(nproc)"
done

if [ "$frameworks" = yes ]; then
  echo "== fresh models from the real frameworks =="
  tests/frameworks/run.sh build/release/cli/modelaudit
  echo "== models on a real MLflow server =="
  tests/sources/run_mlflow.sh build/release/cli/modelaudit
fi
