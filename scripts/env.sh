# Sourced by the scripts beside it: finds a Python, makes the environment, sets $PYTHON and what it needs.
#     . "$checkout/scripts/env.sh" EXTRA,EXTRA
# Scripts of the environment are never called by name: their first line breaks on a path with a space.

checkout="$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
export PATH="${PATH:-/usr/local/bin:/usr/bin:/bin}"
export PYTHONUTF8=1 PYTHONSAFEPATH=1 PYTHONNOUSERSITE=1
unset PYTHONHOME

find_python() {
    local name
    for name in ${VIDPIPE_PYTHON:+"$VIDPIPE_PYTHON"} python3 python3.14 python3.13 python3.12 python3.11 python; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            printf '%s\n' "$name"
            return
        fi
    done
    {
        echo "vidpipe: Python 3.11 or newer is needed and was not found (looked for python3, python3.11 and up)."
        echo "On Debian and Ubuntu: sudo apt install python3 python3-venv. Elsewhere see https://www.python.org/downloads/"
        echo "If it is somewhere else, set VIDPIPE_PYTHON to its path."
    } >&2
    return 2
}

system_python="$(find_python)" || exit 2
"$system_python" -I "$checkout/scripts/environment.py" "$1" || exit $?
PYTHON="${VIDPIPE_VENV:-$checkout/.venv}/bin/python"
export PYTHONPATH="$checkout"
