#!/usr/bin/env bats
# What the harness makes of guests that behave badly; the machines are shell scripts.

load helper

# machine SCRIPT...: a posix run of three cases, on machines that these scripts stand for, one after the other
machine() {
    run env PYTHONPATH=tests/harness BUILD="$BATS_TEST_TMPDIR" python3 -B - "$@" <<'PYTHON'
import os
import sys

import machine
import report
import tier_posix

build, scripts = os.environ["BUILD"], sys.argv[1:]


class Run(tier_posix.Run):
    def disk_folder(self):
        return build

    def command(self, folder, disk):
        return ["sh", "-c", scripts.pop(0)]

    def silence_seconds(self):
        return 2


def fresh_disk(folder, name):
    path = os.path.join(folder, name)
    open(path, "w").close()
    return path


machine.fresh_disk = fresh_disk
machine.file_system_complaint = lambda disk: None
tests = report.Report(build)
Run(tests, {"pipe": ["one", "two", "three"]}, "", "linux", 1).all()
print(f"{len(scripts)} machines left")
sys.exit(tests.finish(""))
PYTHON
    echo "$output"
}

ok='echo "@posix pipe"; echo "ok 1 - one"; echo "ok 2 - two"; echo "ok 3 - three"'

@test "all is well" {
    machine "$ok"
    [ "$status" = 0 ]
    [[ $output = *"4 passed, 0 failed, 0 skipped"* ]]
}

@test "a failed case, and what it said" {
    machine 'echo "@posix pipe"; echo "ok 1 - one"; echo "# no reader"; echo "not ok 2 - two"; echo "ok 3 - three"'
    [ "$status" = 1 ]
    [[ $output = *"FAIL   posix/pipe/two"*"| # no reader"*"3 passed, 1 failed, 0 skipped"* ]]
}

@test "a machine that dies: another one goes on behind the case that ran" {
    machine 'echo "@posix pipe"; echo "ok 1 - one"; exit 125' 'echo "@posix pipe"; echo "ok 1 - three"'
    [ "$status" = 1 ]
    [[ $output = *"FAIL   posix/pipe/two"*"ok     posix/pipe/three"*"3 passed, 1 failed, 0 skipped"* ]]
}

@test "a machine that falls silent in a case" {
    machine 'echo "@posix pipe"; exec sleep 60' 'echo "@posix pipe"; echo "ok 1 - two"; echo "ok 2 - three"'
    [ "$status" = 1 ]
    [[ $output = *"FAIL   posix/pipe/one"*"no word for 2 s"*"3 passed, 1 failed, 0 skipped"* ]]
}

@test "a machine that does not come up is not tried for each case" {
    machine 'exit 125' "$ok" "$ok"
    [ "$status" = 1 ]
    [[ $output = *"it comes to no case"*"2 machines left"*"0 passed, 4 failed, 0 skipped"* ]]
}

@test "a machine that does not end after the last case" {
    machine "$ok; exec sleep 60"
    [ "$status" = 1 ]
    [[ $output = *"it does not power off"*"3 passed, 1 failed, 0 skipped"* ]]
}

@test "a time-out after the last case" {
    machine "$ok; exit 124"
    [ "$status" = 1 ]
    [[ $output = *"it does not power off"*"3 passed, 1 failed, 0 skipped"* ]]
}
