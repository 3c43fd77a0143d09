#!/bin/sh
# Writes fresh model files with the real frameworks and judges them with the built command-line tool.
#
#   tests/frameworks/run.sh PATH_TO_MODELAUDIT [--work DIR] [--venv DIR] [--committed]
#
#   --work DIR    keep everything there: DIR/venv, DIR/models (default: a temporary folder, removed at the end)
#   --venv DIR    use this environment as it is, install nothing
#   --committed   judge the files committed beside this script instead; needs no framework and no network
#
# requirements.txt and requirements-packages.txt name the exact versions; they come from PyPI (PyTorch alone is gigabytes). Prints one line a wrong
# verdict and `N passed, M failed`; the exit status is 0 when all passed, 1 when one failed, 2 when it could not run.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
tool='' work='' venv='' committed=no packages=no
while [ $# -gt 0 ]; do
  case $1 in
    --work) work=$2; shift 2 ;;
    --venv) venv=$2; shift 2 ;;
    --committed) committed=yes; shift ;;
    -*) echo "run.sh: unknown option $1" >&2; exit 2 ;;
    *) tool=$1; shift ;;
  esac
done
if [ -z "$tool" ] || [ ! -x "$tool" ]; then
  echo "usage: run.sh PATH_TO_MODELAUDIT [--work DIR] [--venv DIR] [--committed]" >&2
  exit 2
fi

if [ "$committed" = yes ]; then
  status=0
  for folder in models models_with_code; do
    python3 "$here/judge.py" "$tool" "$here/$folder" || status=1
  done
  exit $status
fi
if [ -z "$work" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
fi
mkdir -p "$work"
if [ -z "$venv" ]; then
  venv=$work/venv
  packages=yes
  [ -x "$venv/bin/python" ] || python3 -m venv "$venv" || exit 2
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" || exit 2
fi
"$venv/bin/python" -W ignore "$here/make_models.py" "$work/models" || exit 2
status=0
"$venv/bin/python" "$here/judge.py" "$tool" "$work/models" || status=1
if [ "$packages" != no ]; then
  [ -x "$work/packages/bin/python" ] || python3 -m venv "$work/packages" || exit 2
  "$work/packages/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements-packages.txt" || exit 2
  "$work/packages/bin/python" -W ignore "$here/make_models.py" "$work/package_models" --only packages || exit 2
  python3 "$here/judge.py" "$tool" "$work/package_models" || status=1
fi
# The shared corpus lies beside the checkout on the project's own machines only (77: it does not).
"$venv/bin/python" "$here/../corpus/check_benign.py" "$tool" "$here/../../../shared/corpus" "$venv/bin/python" || [ $? -eq 77 ] || status=1
exit $status
