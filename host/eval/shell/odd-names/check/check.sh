set -eu
export LC_ALL=C
fail() {
    echo "$1"
    ls -1A d
    exit 1
}
mkdir d d/sub
touch d/.hidden d/b d/'a b' d/-x d/'*' "d/new
line"
sh number.sh d || fail 'it failed'
[ "$(ls -1A d | wc -l)" = 8 ] || fail 'files are lost or were added'
for name in .hidden sub '01-*' 02--x '03-a b' 04-b "05-new
line"; do
    [ -e "d/$name" ] || fail "there is no $name"
done

rm -r d
mkdir d
for number in 1 2 3 4 5 6 7 8 9 10 11; do
    echo "$number" >"d/$(printf 'f%02d' "$number")"
done
mkdir d/02-f02
code=0
sh number.sh d || code=$?
[ "$code" = 1 ] || fail "it ended with $code"
[ "$(cat d/f02)" = 2 ] || fail 'the file whose new name is taken was not left alone'
[ "$(cat d/11-f11)" = 11 ] || fail 'the last file has another number'
