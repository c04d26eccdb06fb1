"""Unit tests: C programs over our libraries."""

import host_program


def run(report, chosen, _kernels):
    names = host_program.names_of("unit", chosen)
    if names:
        report.section("unit: libraries on the host, under ASan and UBSan")
        host_program.run_all(report, "unit", names)
