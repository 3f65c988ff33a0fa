#!/bin/sh
# Makes .venv and installs requirements/GROUP.txt for each GROUP named. As root on Debian or Ubuntu it also installs
# python3-venv where that is missing; otherwise it says which command does.
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

# An environment whose making was interrupted has no pip.
.venv/bin/python -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear .venv ||
    fail "the virtual environment .venv could not be made; the message is above (disk full: df -h .)"
exec .venv/bin/python -m local.install "$@"
