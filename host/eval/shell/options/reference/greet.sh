#!/bin/sh
usage='usage: greet.sh [-n NAME] [-c COUNT] [-u] [-h]'
wrong() {
    echo "$usage" >&2
    exit 2
}

name=world count=1 capitals=no
while getopts ':n:c:uh' option; do
    case $option in
        n) name=$OPTARG ;;
        c) count=$OPTARG ;;
        u) capitals=yes ;;
        h) echo "$usage"; exit 0 ;;
        *) wrong ;;
    esac
done
shift $((OPTIND - 1))
[ $# -eq 0 ] || wrong
case $count in
    '' | *[!0-9]*) wrong ;;
esac

text="Hello, $name!"
if [ "$capitals" = yes ]; then
    text=$(printf '%s' "$text" | tr '[:lower:]' '[:upper:]')
fi
while [ "$count" -gt 0 ]; do
    printf '%s\n' "$text"
    count=$((count - 1))
done
