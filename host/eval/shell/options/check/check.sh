set -u
check() {
    expected=$1 code=$2
    shift 2
    got=$(sh greet.sh "$@" 2>err)
    status=$?
    if [ "$got" != "$expected" ] || [ "$status" != "$code" ]; then
        printf 'greet.sh %s: expected %s (%s), got %s (%s)\n' "$*" "$expected" "$code" "$got" "$status"
        exit 1
    fi
}
check 'Hello, world!' 0
check 'Hello, Ada B!' 0 -n 'Ada B'
check 'HELLO, ADA!' 0 -u -n Ada
check 'Hello, x!
Hello, x!' 0 -c 2 -n x
check '' 0 -c 0
check '' 2 -x
grep -q '^usage:' err || exit 1
check '' 2 -c two
check '' 2 -c ''
check '' 2 more
check 'Hello, -n!' 0 -n -n
sh greet.sh -h | grep -q '^usage:' || exit 1
sh greet.sh -h >/dev/null || exit 1
