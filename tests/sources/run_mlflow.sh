#!/usr/bin/env bash
# Scans models on a real MLflow server from PyPI, which it starts on loopback and stops again.
#   tests/sources/run_mlflow.sh PROGRAM [VENV]
#     VENV  folder of the virtual environment, made when it is missing; build/mlflow-venv by default
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
program="$(realpath "${1:?usage: run_mlflow.sh PROGRAM [VENV]}")"
venv="${2:-$here/../../build/mlflow-venv}"

if ! cmp -s "$here/mlflow/requirements.txt" "$venv/installed.txt"; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/mlflow/requirements.txt"
  cp "$here/mlflow/requirements.txt" "$venv/installed.txt"
fi
exec "$venv/bin/python" -B -W ignore "$here/mlflow/real_server.py" "$program"
