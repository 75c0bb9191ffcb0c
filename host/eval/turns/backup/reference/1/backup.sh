#!/bin/sh
# Keeps a copy of a file beside it.
if [ $# -ne 1 ] || [ ! -f "$1" ]; then
    echo "backup.sh: ${1:-no argument} is no file" >&2
    exit 2
fi
cp -- "$1" "$1.1"
