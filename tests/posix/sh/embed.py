#!/usr/bin/env python3
"""usage: embed.py SCRIPT.sh... > shell_cases.h: a case of tests/posix/shell.c for each script."""

import os
import sys


def c_string(path):
    with open(path, encoding="ascii") as file:
        lines = file.read().splitlines(keepends=True)
    quoted = [line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for line in lines]
    return "\n".join(f'\t    "{line}"' for line in quoted) or '\t    ""'


def main():
    for path in sys.argv[1:]:
        name = os.path.basename(path)[:-len(".sh")]
        print(f"TEST({name})\n{{\n\tscript_run(\n\t    \"{path}\",")
        print(f"{c_string(path)},\n{c_string(path[:-len('.sh')] + '.out')});\n}}\n")


if __name__ == "__main__":
    main()
