# Background jobs, wait, kill.
sleep 0.1 & pid=$!
wait $pid; echo "waited $?"
(exit 7) & wait $!; echo "status $?"
sleep 100 & pid=$!
kill $pid; wait $pid 2> /dev/null; echo "killed $?"
sleep 100 & pid=$!
kill -STOP $pid; kill -CONT $pid; kill -9 $pid; wait $pid 2> /dev/null; echo "killed $?"
kill -0 $pid 2> /dev/null || echo "no such process"
for i in 1 2 3 4 5; do (sleep 0.0$i; echo $i >> order) & done; wait
sort order | tr '\n' ' '; echo
(sleep 0.05; echo late) & echo early; wait
echo $( (echo in subshell) & wait)
mkfifo pipe; (echo through fifo > pipe) & cat pipe; wait
test "$(sh -c 'echo $PPID')" = $$ && echo "child of this shell"
test $! -gt 1 && echo "has a pid"
