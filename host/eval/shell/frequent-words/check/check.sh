set -eu
export LC_ALL=C
same() {
    if [ "$1" != "$2" ]; then
        printf 'expected:\n%s\ngot:\n%s\n' "$2" "$1"
        exit 1
    fi
}
text='The cat saw the dog. The dog saw... a cat-like thing: THE end'
same "$(printf '%s\n' "$text" | sh frequent.sh)" "4 the
2 cat
2 dog"
same "$(printf '%s\n' "$text" | sh frequent.sh 1)" "4 the"
same "$(printf '1b b2c\tC' | sh frequent.sh 10)" "2 b
2 c"
same "$(printf '' | sh frequent.sh)" ""
same "$(printf '12 34\n' | sh frequent.sh)" ""
