// SPDX-License-Identifier: MIT
/* The checks themselves: a true one is silent, a false one is counted. */
#include "check.h"

int main(void)
{
	CHECK_OR_STOP(freopen("/dev/null", "w", stderr));
	CHECK(1);
	CHECK_EQ(2 + 2, 4);
	CHECK_STR("a", "a");
	int before = check_failures;
	CHECK(0);
	CHECK_EQ(1, 2);
	CHECK_STR("a", "b");
	return before == 0 && check_failures == 3 ? 0 : 1;
}
