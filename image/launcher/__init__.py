"""The launcher's parts: machine (QEMU's command line), disks, process, agent, and the two verbs."""

EXIT_TIMEOUT = 124
EXIT_LAUNCHER = 125


class LauncherError(Exception):
    """Something a person has to mend; the text is one line that says what to do."""
