#!/bin/sh
# Makes .venv with everything in requirements-dev.txt. As root on Debian or Ubuntu it also installs python3-venv where that
# is missing; otherwise it says which command does.
set -eu
cd "$(dirname "$0")/.."

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}

python=${PYTHON:-python3}
command -v "$python" >/dev/null 2>&1 || fail "there is no $python. Install Python 3.11 or newer (Debian, Ubuntu: apt-get install python3 python3-venv)."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old: Python 3.11 or newer is needed. Set PYTHON to one, as in: make up PYTHON=python3.12"

if ! "$python" -c 'import ensurepip' >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "• Installing python3-venv"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null ||
            fail "apt-get could not install python3-venv"
    else
        fail "$python has no ensurepip. Run: sudo apt-get install python3-venv"
    fi
fi

echo "• Virtual environment .venv with the requirements (a few minutes the first time)"
[ -x .venv/bin/python ] || "$python" -m venv .venv
rm -f .venv/.installed
# What pip unpacks, hundreds of MB, goes with this run; what a killed run left goes now.
scratch=$PWD/.venv/tmp
rm -rf "$scratch"
mkdir "$scratch"
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
{
    TMPDIR=$scratch .venv/bin/python -m pip install --disable-pip-version-check --progress-bar off --requirement requirements-dev.txt &&
        touch .venv/.installed
} 2>&1 | awk '
    /^(Collecting|Installing collected)/ { print "  " substr($0, 1, 100); fflush(); next }
    /^(ERROR|error|  *(error|×|╰))/ { print; fflush() }'
[ -e .venv/.installed ] ||
    fail "installing the requirements failed; pip's message is above. Run the same command again once it is fixed."
