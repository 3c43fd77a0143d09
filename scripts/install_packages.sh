#!/usr/bin/env bash
# Installs what building and testing needs from Debian's packages. Does nothing when all of it is there.
#   scripts/install_packages.sh [--fuzz] [--bench]
set -euo pipefail

packages=(
  g++ cmake ninja-build pkg-config ccache python3 python3-venv
  libboost-filesystem-dev libboost-iostreams-dev libfmt-dev libcereal-dev libcli11-dev nlohmann-json3-dev libsimdjson-dev
  libtomlplusplus-dev libssl-dev zlib1g-dev libbz2-dev liblzma-dev libzstd-dev liblz4-dev
  libcurl4-openssl-dev openssl ca-certificates libhiredis-dev libhiredis0.14 redis-server catch2
)
for option in "$@"; do
  case "$option" in
    --fuzz) packages+=(clang-14 libclang-rt-14-dev) ;;
    --bench) packages+=(libbenchmark-dev) ;;
    *) echo "unknown option: $option" >&2; exit 2 ;;
  esac
done

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ]; then
  as_root=(env)
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
  as_root=(sudo env)
else
  echo "These packages are missing. Run this as root, then try again:" >&2
  echo "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
echo "Installing: ${missing[*]}"
"${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get update -qq
"${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
