# Traps and exit statuses.
trap 'echo usr1' USR1
kill -USR1 $$; echo after
sh -c 'trap "echo bye" EXIT; echo working'
sh -c 'trap "echo int; exit 5" INT; kill -INT $$; echo not reached'; echo "status $?"
sh -c 'trap "" TERM; kill -TERM $$; echo survived'
sh -c 'kill -TERM $$' 2> /dev/null; echo "status $?"
sh -c 'trap "echo caught; exit 0" TERM; sleep 0.05 & wait; kill -TERM $$; sleep 1'; echo "status $?"
(trap 'echo subshell exit' EXIT; exit 4); echo "status $?"
trap 'echo waited for' USR2
(sleep 0.1; kill -USR2 $$) & wait; wait
trap - USR1 USR2
sh -c 'exit 300'; echo "status $?"
sh -c 'nosuchcommand' 2> /dev/null; echo "status $?"
touch noexec; sh -c './noexec' 2> /dev/null; echo "status $?"
set -e; (set +e; false; echo "goes on"); set +e
sh -e -c 'false; echo not reached'; echo "status $?"
