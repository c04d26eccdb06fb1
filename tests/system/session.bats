#!/usr/bin/env bats
# A person at the terminal, through a real pseudo-terminal.
# kernels: linux quoin

load helper

@test "an interactive session: editing, pipelines, job control, vi, top" {
    local disk
    disk=$(fresh_disk)
    dialogue session.exp "$disk"
    calm
    clean "$disk"
}

@test "a file survives a reboot" {
    local disk
    disk=$(fresh_disk)
    dialogue reboot.exp "$disk"
    calm
    clean "$disk"
}
