/* Handles and their rights. */
#include "ktest.h"

KTEST(handle_rights_only_shrink)
{
	quoin_handle n = need(quoin_notification_create());
	quoin_handle wait = need(quoin_handle_dup(n, QUOIN_RIGHT_RECEIVE | QUOIN_RIGHT_DUP));
	quoin_handle more = need(quoin_handle_dup(wait, QUOIN_RIGHT_ALL));
	quoin_handle none = need(quoin_handle_dup(n, 0));

	expect_eq(quoin_notification_signal(wait, 1), -QERR_PERM);
	expect_eq(quoin_notification_signal(more, 1), -QERR_PERM);
	expect_eq(quoin_notification_signal(n, 5), 0);
	expect_eq(quoin_notification_wait(none, 0), -QERR_PERM);
	expect_eq(quoin_handle_dup(none, 0), -QERR_PERM);
	expect_eq(quoin_notification_wait(more, 0), 5);
	expect_eq(quoin_handle_close(n), 0);
	expect_eq(quoin_handle_close(wait), 0);
	expect_eq(quoin_notification_wait(more, 0), -QERR_TIMEDOUT);
	expect_eq(quoin_handle_close(more), 0);
	expect_eq(quoin_handle_close(none), 0);
}

KTEST(handle_bad_names)
{
	quoin_handle n = need(quoin_notification_create());

	expect_eq(quoin_handle_close(0), -QERR_BADF);
	expect_eq(quoin_handle_close(0xffffffff), -QERR_BADF);
	expect_eq(quoin_handle_close(65535), -QERR_BADF);
	expect_eq(quoin_handle_dup(15, 1), -QERR_BADF);
	expect_eq(quoin_memobj_size(n), -QERR_BADF);
	expect_eq(quoin_task_kill(n, 0), -QERR_BADF);
	need(quoin_handle_close(n));
	expect_eq(quoin_handle_close(n), -QERR_BADF);
}

KTEST(handle_install_takes_free_slots_only)
{
	quoin_handle n = need(quoin_notification_create()), other;

	expect_eq(quoin_handle_install(QUOIN_SELF_TASK, n, QUOIN_RIGHT_ALL, QUOIN_SELF_TASK), -QERR_EXIST);
	expect_eq(quoin_handle_install(QUOIN_SELF_TASK, n, QUOIN_RIGHT_ALL, 9), 9);
	expect_eq(quoin_handle_install(QUOIN_SELF_TASK, n, QUOIN_RIGHT_ALL, 9), -QERR_EXIST);
	expect_eq(quoin_handle_install(QUOIN_SELF_TASK, n, QUOIN_RIGHT_ALL, 70000), -QERR_INVAL);
	expect_eq(quoin_handle_install(n, n, QUOIN_RIGHT_ALL, 0), -QERR_BADF);
	other = need(quoin_handle_install(QUOIN_SELF_TASK, n, QUOIN_RIGHT_ALL, 0));
	expect(other >= QUOIN_FIRST_FREE);
	expect_eq(quoin_handle_install(QUOIN_SELF_TASK, n, QUOIN_RIGHT_ALL, 100), 100);
	expect_eq(quoin_handle_close(100), 0);
	expect_eq(quoin_handle_close(other), 0);
	expect_eq(quoin_handle_close(9), 0);
	expect_eq(quoin_handle_close(n), 0);
}

KTEST(handle_table_fills_and_empties)
{
	quoin_handle n = need(quoin_notification_create()), last = 0;
	uint32_t count = 0;
	long h;

	ktest_may_leak(); /* the table stays large */
	while ((h = quoin_handle_dup(n, QUOIN_RIGHT_ALL)) > 0) {
		last = h;
		count++;
	}
	expect_eq(h, -QERR_NFILE);
	expect(count > 60000 && last < 65536);
	expect_eq(quoin_endpoint_create(), -QERR_NFILE);
	for (h = QUOIN_FIRST_FREE; h < 65536; h++)
		count -= h != n && quoin_handle_close(h) == 0;
	expect_eq(count, 0);
	need(quoin_handle_close(n));
}
