#!/bin/sh
# Keeps three copies of a file beside it.
if [ $# -ne 1 ] || [ ! -f "$1" ]; then
    echo "backup.sh: ${1:-no argument} is no file" >&2
    exit 2
fi
[ ! -e "$1.2" ] || mv -f -- "$1.2" "$1.3"
[ ! -e "$1.1" ] || mv -f -- "$1.1" "$1.2"
cp -- "$1" "$1.1"
