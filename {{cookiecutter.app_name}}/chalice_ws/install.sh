#!/bin/sh
# Make a virtual environment and install requirements, unless all of it is done already.
#
#     sh install.sh VENV PYTHON REQUIREMENTS...
#
# The Makefile removes the carriage returns that Windows puts at the end of lines. uv is used where it
# is installed.
#
# The first requirements file is installed, and names the others. An environment is made anew if its
# Python does not run or is too old, or if it was made in another folder or on another machine. Its
# scripts would not start.
set -eu

venv=$1
python=$2
shift 2

fail() {
  echo "error: $1" >&2
  exit 1
}

# Python's own variables belong to another Python, and pip's to another folder. 0 overrides pip.conf.
unset PYTHONHOME PYTHONPATH PYTHONWARNINGS PYTHONINSPECT PIP_PREFIX PIP_PYTHON PIP_ROOT PIP_TARGET
unset UV_SYSTEM_PYTHON
export PIP_USER=0

has_uv() {
  command -v uv >/dev/null
}

# Print the Python and the folder of the environment; nothing if it cannot be used.
identity() {
  "$venv/bin/python" -c '
import os, sys
if sys.version_info >= (3, 10):
    print(*sys.version_info[:2], os.uname().sysname, os.uname().machine, os.path.realpath(sys.prefix))
' 2>/dev/null || true
}

# Print what the environment and the requirements are, for the file `installed`.
state() {
  identity
  cat "$@" | cksum
}

# Print the name of a newer Python than python3.
newer_python() {
  for name in python3.14 python3.13 python3.12 python3.11 python3.10; do
    if "$name" -c "" 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  echo python3.13
}

check_python() {
  if [ "$python" = python3 ] && ! command -v python3 >/dev/null && command -v python >/dev/null; then
    python=python
  fi
  version=$("$python" -c 'import sys; print(sys.version.split()[0])' 2>/dev/null) ||
    fail "Python does not run (got PYTHON=$python); install Python 3.10 or newer, or use: make PYTHON=$(newer_python)"
  got="got $version, $(command -v "$python")"
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    fail "Python is too old ($got); use 3.10 or newer: make PYTHON=$(newer_python)"
  has_uv || "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "Python has no venv ($got); install it, on Debian and Ubuntu: apt install python3-venv"
}

# Remove the parts of an environment alone: VENV may be a folder with other files in it.
make_environment() {
  if [ -e "$venv/pyvenv.cfg" ]; then
    rm -rf "$venv/bin" "$venv/include" "$venv/lib" "$venv/lib64" "$venv/pyvenv.cfg"
  fi
  if has_uv && uv venv --quiet --allow-existing --python "$python" "$venv"; then
    return
  fi
  "$python" -m venv "$venv" ||
    fail "Python cannot make an environment (got VENV=$venv); correct what it says above"
}

# Install a requirements file, and print the name of each package.
install_requirements() {
  # uv reads none of pip's settings, such as the address of an office's own registry.
  if has_uv && uv pip install --python "$venv/bin/python" -r "$1"; then
    return
  fi
  # uv makes environments without pip.
  "$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip >/dev/null
  rm -f "$venv/failed"
  {
    "$venv/bin/python" -m pip install --disable-pip-version-check --progress-bar off -r "$1" ||
      : >"$venv/failed"
  } | while IFS= read -r line; do
    case $line in
    "Collecting "* | "Processing "*)
      line=${line#* }
      echo "  ${line%% (from *}"
      ;;
    "Installing collected packages"*) echo "  Installing these packages ..." ;;
    esac
  done
  if [ -e "$venv/failed" ]; then
    rm -f "$venv/failed"
    fail "pip has not installed $1; correct what it says above, or its settings (pip config list)"
  fi
}

before=$(cat "$venv/installed" 2>/dev/null || true)
if [ "$before" = "$(state "$@")" ]; then
  exit 0
fi

now=$(identity)
recorded=$(echo "$before" | head -n 1)
# Without a record, the environment may be the owner's own: it is used if its Python runs.
if [ -z "$now" ] || { [ -n "$recorded" ] && [ "$recorded" != "$now" ]; }; then
  check_python
  echo "Installing into $venv ..."
  make_environment
else
  echo "Installing into $venv ..."
fi
rm -f "$venv/installed"
install_requirements "$1"
"$venv/bin/python" -c 'import chalice' 2>/dev/null ||
  fail "pip has installed $1 outside of $venv; remove target and prefix from its settings (pip config list)"
state "$@" >"$venv/installed"
