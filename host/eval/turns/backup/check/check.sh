set -u
for round in 1 2 3 4 5; do
    echo "$round" >'my file'
    sh backup.sh 'my file' || exit 1
done
[ "$(cat 'my file.1' 'my file.2' 'my file.3' | tr '\n' ' ')" = '5 4 3 ' ] || exit 1
[ ! -e 'my file.4' ] || exit 1
sh backup.sh 2>err
[ $? = 2 ] && [ -s err ] || exit 1
sh backup.sh nowhere 2>err
[ $? = 2 ] && [ -s err ] || exit 1
