#!/bin/sh
# Gives each plain file of a folder a name with a number in front.
LC_ALL=C
export LC_ALL
number=1
failed=0
cd -- "$1" || exit 1
for name in *; do
    [ -f "./$name" ] || continue
    new=$(printf '%02d-' "$number")$name
    number=$((number + 1))
    if [ -e "./$new" ]; then
        failed=1
        continue
    fi
    mv -- "./$name" "./$new" || failed=1
done
exit "$failed"
