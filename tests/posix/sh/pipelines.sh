# Pipelines: data through many processes, exit statuses, early ends.
echo hello | cat | cat | cat
printf '%s\n' c a b | sort | head -n 2
seq 1 1000 | grep -c 7
seq 1 100000 | wc -l
yes | head -n 3
true | false; echo "status $?"
false | true; echo "status $?"
! false; echo "not $?"
{ echo a; echo b; } | while read -r x; do echo "got $x"; done
seq 1 5 | { read -r first; echo "first $first"; cat | wc -l; }
(echo sub; exit 3) | cat; echo "status $?"
seq 1 20000 | sed 's/$/ abcdefghijklmnopqrstuvwxyz/' | gzip | gunzip | tail -n 1
cat /dev/zero | head -c 100000 | wc -c
