# A person at the terminal, in expect: boots the machine on a pseudo-terminal of 24 by 80 and talks to
# the shell.  Every step says what it checks; the first that fails ends the script with status 1.

lassign $argv kernel disk
set prompt {quoin:[^\r\n]*# (\x1b\[[0-9;]*[A-Za-z])*$}
set timeout 60
set stty_init "rows 24 cols 80"
log_user 1

proc fail {why} {
    global step
    puts "\n*** failed: $step: $why"
    catch {close}
    catch {wait}
    exit 1
}

# boot: to the first prompt
proc boot {} {
    global kernel disk spawn_id
    spawn image/vm run --kernel $kernel --drive $disk --timeout 380
    expect_after {
        timeout { fail "no answer in time" }
        eof { fail "the machine ended" }
    }
    at_prompt
}

proc step {what} {
    global step
    set step $what
    puts "\n--- $what"
}

proc at_prompt {} {
    global prompt
    expect -re $prompt
}

# type KEYS: as a person does, not faster than the terminal takes it
proc type {keys} {
    send -- $keys
}

# enter COMMAND: and its line end
proc enter {command} {
    type "$command\r"
}

# answers COMMAND PATTERN: the command prints what matches, on a line of its own, and the prompt is back
proc answers {command pattern} {
    enter $command
    expect -re "\[\r\n\]$pattern"
    at_prompt
}

# power_off: and the launcher ends well
proc power_off {} {
    step "poweroff"
    enter poweroff
    expect eof
    lassign [wait] pid spawned failed status
    if {$failed || $status} { fail "the launcher ended with status $status" }
}
