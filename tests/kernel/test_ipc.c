/* Endpoints and notifications. */
#include "child.h"

static struct quoin_msg *msg(void)
{
	return &my_page()->msg;
}

static void send_word(int32_t label, uint64_t word)
{
	struct quoin_msg *m = msg();

	m->label = label;
	m->nr_bytes = 8;
	m->nr_handles = 0;
	*(uint64_t *)m->payload = word;
}

static uint64_t word(void)
{
	return *(uint64_t *)msg()->payload;
}

/* A server that adds one, answers with the badge as label, and ends after label 99. */
static void adder(void *argument)
{
	quoin_handle endpoint = (uintptr_t)argument;
	long token = 0, label = 0;

	while (label != 99) {
		token = quoin_endpoint_reply_receive(token, endpoint, QUOIN_DEADLINE_NEVER);
		if (token <= 0)
			break;
		label = msg()->label;
		send_word(msg()->badge, word() + 1);
	}
	quoin_endpoint_reply(token);
}

KTEST(ipc_call_carries_words_and_badge)
{
	quoin_handle endpoint = need(quoin_endpoint_create());
	quoin_handle badged = need(quoin_endpoint_badge(endpoint, 77, QUOIN_RIGHT_CALL));
	struct ktest_thread server = thread_run(adder, (void *)(uintptr_t)endpoint);

	for (uint64_t i = 0; i < 1000; i++) {
		send_word(5, i);
		expect_eq(quoin_endpoint_call(i % 2 ? badged : endpoint), i % 2 ? 77 : 0);
		expect_eq(word(), i + 1);
		expect_eq(msg()->nr_bytes, 8);
	}
	expect_eq(quoin_endpoint_receive(badged, 0), -QERR_PERM);
	expect_eq(quoin_endpoint_badge(badged, 1, QUOIN_RIGHT_ALL), -QERR_PERM);
	send_word(99, 0);
	expect_eq(quoin_endpoint_call(endpoint), 0);
	thread_join(&server);
	need(quoin_handle_close(badged));
	need(quoin_handle_close(endpoint));
}

static void caller(void *argument)
{
	for (uint64_t i = 0; i < 300; i++) {
		send_word(1, i);
		expect_eq(quoin_endpoint_call((uintptr_t)argument), 0);
		expect_eq(word(), i + 1);
	}
}

KTEST(ipc_many_callers_many_servers)
{
	quoin_handle endpoint = need(quoin_endpoint_create());
	struct ktest_thread callers[5], servers[3];

	for (unsigned i = 0; i < 5; i++)
		callers[i] = thread_run_class(caller, (void *)(uintptr_t)endpoint, i % 3);
	for (unsigned i = 0; i < 3; i++)
		servers[i] = thread_run(adder, (void *)(uintptr_t)endpoint);
	for (unsigned i = 0; i < 5; i++)
		thread_join(&callers[i]);
	for (unsigned i = 0; i < 3; i++) {
		send_word(99, 0);
		expect_eq(quoin_endpoint_call(endpoint), 0);
	}
	for (unsigned i = 0; i < 3; i++)
		thread_join(&servers[i]);
	need(quoin_handle_close(endpoint));
}

/* Receives one message with a handle in it, signals that, and gives it back with fewer rights. */
static void handler(void *argument)
{
	long token = quoin_endpoint_receive((uintptr_t)argument, QUOIN_DEADLINE_NEVER);
	quoin_handle h = msg()->handles[1].handle;

	expect_eq(msg()->nr_handles, 2);
	expect_eq(msg()->handles[0].handle, 0);
	expect_eq(quoin_notification_signal(h, 4), 0);
	msg()->nr_handles = 1;
	msg()->handles[0].handle = 12345;
	expect_eq(quoin_endpoint_reply(token), -QERR_BADF);
	msg()->label = 3;
	msg()->handles[0].handle = h;
	msg()->handles[0].rights = QUOIN_RIGHT_RECEIVE;
	expect_eq(quoin_endpoint_reply(token), 0);
	expect_eq(quoin_endpoint_reply(token), -QERR_INVAL);
	need(quoin_handle_close(h));
}

KTEST(ipc_moves_handles)
{
	quoin_handle endpoint = need(quoin_endpoint_create());
	quoin_handle n = need(quoin_notification_create()), back;
	struct ktest_thread server = thread_run(handler, (void *)(uintptr_t)endpoint);
	struct quoin_msg *m = msg();

	m->nr_bytes = 0;
	m->nr_handles = 2;
	m->handles[0].handle = 0;
	m->handles[1].handle = n;
	m->handles[1].rights = QUOIN_RIGHT_ALL;
	expect_eq(quoin_endpoint_call(endpoint), 3);
	expect_eq(m->nr_handles, 1);
	back = m->handles[0].handle;
	expect_eq(quoin_notification_signal(back, 1), -QERR_PERM);
	expect_eq(quoin_notification_wait(back, 0), 4);
	thread_join(&server);
	need(quoin_handle_close(back));
	need(quoin_handle_close(n));
	need(quoin_handle_close(endpoint));
}

KTEST(ipc_malformed_messages)
{
	quoin_handle endpoint = need(quoin_endpoint_create());
	struct ktest_thread server = thread_run(adder, (void *)(uintptr_t)endpoint);
	struct quoin_msg *m = msg();

	nap();
	send_word(1, 1);
	m->nr_bytes = QUOIN_MSG_BYTES + 1;
	expect_eq(quoin_endpoint_call(endpoint), -QERR_PROTO);
	send_word(1, 1);
	m->nr_handles = QUOIN_MSG_HANDLES + 1;
	expect_eq(quoin_endpoint_call(endpoint), -QERR_PROTO);
	send_word(1, 1);
	m->nr_handles = 1;
	m->handles[0].handle = 4321;
	expect_eq(quoin_endpoint_call(endpoint), -QERR_BADF);
	send_word(99, 1);
	m->nr_bytes = QUOIN_MSG_BYTES;
	expect_eq(quoin_endpoint_call(endpoint), 0);
	thread_join(&server);
	expect_eq(quoin_endpoint_receive(endpoint, 0), -QERR_TIMEDOUT);
	expect_eq(quoin_endpoint_receive(endpoint, now_ns() + 2000000), -QERR_TIMEDOUT);
	expect_eq(quoin_endpoint_reply(0), -QERR_INVAL);
	expect_eq(quoin_endpoint_reply(-1ul), -QERR_INVAL);
	expect_eq(quoin_endpoint_reply_receive(1, endpoint, 0), -QERR_INVAL);
	need(quoin_handle_close(endpoint));
	expect_eq(quoin_endpoint_call(endpoint), -QERR_BADF);
}

/* Queues with a handle that is not one: the error leaves no handle in the page that looks like a gift. */
static void call_with_bad_handle(void *argument)
{
	send_word(1, 1);
	msg()->nr_handles = 1;
	msg()->handles[0].handle = 4321;
	expect_eq(quoin_endpoint_call((uintptr_t)argument), -QERR_BADF);
	expect_eq(msg()->nr_handles, 0);
	expect_eq(msg()->nr_bytes, 0);
}

KTEST(ipc_malformed_message_that_waited)
{
	quoin_handle endpoint = need(quoin_endpoint_create());
	struct ktest_thread caller = thread_run(call_with_bad_handle, (void *)(uintptr_t)endpoint);

	nap();
	expect_eq(quoin_endpoint_receive(endpoint, now_ns() + 2000000), -QERR_TIMEDOUT);
	thread_join(&caller);
	need(quoin_handle_close(endpoint));
}

/* Servers in another task, and their deaths. */

static void receive_and_die(uint64_t argument)
{
	(void)argument;
	quoin_endpoint_receive(CHILD_GIFT, QUOIN_DEADLINE_NEVER);
	quoin_task_kill(QUOIN_SELF_TASK, 1);
	for (;;)
		;
}

static void serve_child(uint64_t rounds)
{
	while (rounds--) {
		long token = quoin_endpoint_receive(CHILD_GIFT, QUOIN_DEADLINE_NEVER);

		((struct quoin_thread_page *)QUOIN_SERVER_STACKS)->msg.label = 6;
		quoin_endpoint_reply(token);
	}
	quoin_thread_exit();
}

KTEST(ipc_server_death_and_takeover)
{
	quoin_handle endpoint = need(quoin_endpoint_create());
	struct child server = child_start(receive_and_die, 0, 0, endpoint);
	int64_t status[4];

	send_word(1, 1);
	expect_eq(quoin_endpoint_call(endpoint), -QERR_PEER_DEAD);
	child_wait(&server, status);
	expect_eq(quoin_endpoint_call(endpoint), -QERR_PEER_DEAD);
	server = child_start(serve_child, 2, 0, endpoint);
	while (quoin_endpoint_call(endpoint) == -QERR_PEER_DEAD)
		nap();
	send_word(1, 1);
	expect_eq(quoin_endpoint_call(endpoint), 6);
	child_wait(&server, status);
	expect_eq(quoin_endpoint_call(endpoint), -QERR_PEER_DEAD);
	need(quoin_handle_close(endpoint));
}

static void call_once(void *argument)
{
	send_word(1, 1);
	expect_eq(quoin_endpoint_call((uintptr_t)argument), -QERR_PEER_DEAD);
}

KTEST(ipc_queued_callers_hear_of_the_death)
{
	quoin_handle endpoint = need(quoin_endpoint_create());
	struct ktest_thread callers[3];
	struct child server;
	int64_t status[4];

	for (unsigned i = 0; i < 3; i++)
		callers[i] = thread_run(call_once, (void *)(uintptr_t)endpoint);
	server = child_start(receive_and_die, 0, 0, endpoint);
	child_wait(&server, status);
	for (unsigned i = 0; i < 3; i++)
		thread_join(&callers[i]);
	need(quoin_handle_close(endpoint));
}

KTEST(ipc_endpoint_without_receivers_is_dead)
{
	quoin_handle endpoint = need(quoin_endpoint_create());
	quoin_handle call = need(quoin_endpoint_badge(endpoint, 1, QUOIN_RIGHT_CALL));
	struct ktest_thread waiting = thread_run(call_once, (void *)(uintptr_t)call);

	nap();
	need(quoin_handle_close(endpoint));
	thread_join(&waiting);
	my_page()->msg.nr_bytes = 8;
	my_page()->msg.nr_handles = 1;
	my_page()->msg.handles[0].handle = call;
	expect_eq(quoin_endpoint_call(call), -QERR_PEER_DEAD);
	expect_eq(my_page()->msg.nr_bytes, 0); /* no reply: the request is not to be taken for one */
	expect_eq(my_page()->msg.nr_handles, 0);
	need(quoin_handle_close(call));
}

static void call_child(uint64_t argument)
{
	(void)argument;
	quoin_endpoint_call(CHILD_GIFT);
	quoin_thread_exit();
}

KTEST(ipc_caller_death)
{
	quoin_handle endpoint = need(quoin_endpoint_create());
	struct child client = child_start(call_child, 0, 0, endpoint);
	long token = need(quoin_endpoint_receive(endpoint, QUOIN_DEADLINE_NEVER));

	child_kill(&client);
	expect_eq(quoin_endpoint_reply(token), -QERR_INVAL);
	client = child_start(call_child, 0, 0, endpoint);
	nap();
	child_kill(&client); /* perhaps queued, perhaps not there yet */
	expect_eq(quoin_endpoint_receive(endpoint, 0), -QERR_TIMEDOUT);
	need(quoin_handle_close(endpoint));
}

KTEST(ipc_token_of_another_task_is_nothing)
{
	quoin_handle endpoint = need(quoin_endpoint_create());
	struct child client = child_start(call_child, 0, 0, endpoint);
	long token = need(quoin_endpoint_receive(endpoint, QUOIN_DEADLINE_NEVER));
	int64_t status[4];

	for (long other = 0; other < token; other++)
		expect_eq(quoin_endpoint_reply(other), -QERR_INVAL);
	expect_eq(quoin_endpoint_reply(token + 1), -QERR_INVAL);
	expect_eq(quoin_endpoint_reply(token), 0);
	child_wait(&client, status);
	need(quoin_handle_close(endpoint));
}

/* Notifications. */

KTEST(notification_collects_bits)
{
	quoin_handle n = need(quoin_notification_create());

	expect_eq(quoin_notification_wait(n, 0), -QERR_TIMEDOUT);
	need(quoin_notification_signal(n, 1));
	need(quoin_notification_signal(n, 4));
	need(quoin_notification_signal(n, 1ul << 63)); /* not a bit that can be told */
	expect_eq(quoin_notification_wait(n, QUOIN_DEADLINE_NEVER), 5);
	expect_eq(quoin_notification_wait(n, now_ns() + 1000000), -QERR_TIMEDOUT);
	need(quoin_handle_close(n));
}

static quoin_handle there, back_again;

static void echo(void *argument)
{
	long bits;

	(void)argument;
	do {
		bits = quoin_notification_wait(there, QUOIN_DEADLINE_NEVER);
		quoin_notification_signal(back_again, bits);
	} while (bits > 0 && !(bits & 2));
}

KTEST(notification_ping_pong)
{
	struct ktest_thread other;

	there = need(quoin_notification_create());
	back_again = need(quoin_notification_create());
	other = thread_run(echo, NULL);
	for (int i = 0; i < 500; i++) {
		need(quoin_notification_signal(there, 1));
		expect_eq(quoin_notification_wait(back_again, QUOIN_DEADLINE_NEVER), 1);
	}
	need(quoin_notification_signal(there, 2));
	thread_join(&other);
	need(quoin_handle_close(there));
	need(quoin_handle_close(back_again));
}

static void signal_later(void *argument)
{
	quoin_notification_signal((uintptr_t)argument, 16);
}

KTEST(notification_bound_to_an_endpoint)
{
	quoin_handle endpoint = need(quoin_endpoint_create());
	quoin_handle other = need(quoin_endpoint_create());
	quoin_handle n = need(quoin_notification_create());
	struct ktest_thread t;

	need(quoin_notification_signal(n, 1));
	need(quoin_endpoint_bind(endpoint, n));
	expect_eq(quoin_endpoint_bind(other, n), -QERR_BUSY);
	expect_eq(quoin_endpoint_receive(endpoint, 0), 0);
	expect_eq(word(), 1);
	expect_eq(quoin_endpoint_receive(endpoint, 0), -QERR_TIMEDOUT);
	t = thread_run(signal_later, (void *)(uintptr_t)n);
	expect_eq(quoin_endpoint_receive(endpoint, QUOIN_DEADLINE_NEVER), 0);
	expect_eq(word(), 16);
	thread_join(&t);
	need(quoin_handle_close(endpoint)); /* the endpoint goes, and unbinds */
	need(quoin_endpoint_bind(other, n));
	need(quoin_handle_close(other));
	need(quoin_handle_close(n));
}

static void receive_bits(void *argument)
{
	expect_eq(quoin_endpoint_receive((uintptr_t)argument, now_ns() + 10000000000ul), 0);
	expect_eq(word(), 4);
}

/* The bits of a notification that takes the place of another reach the receiver that waits. */
KTEST(notification_bound_in_place_of_another)
{
	quoin_handle endpoint = need(quoin_endpoint_create());
	quoin_handle first = need(quoin_notification_create()), second = need(quoin_notification_create());
	struct ktest_thread receiver;

	need(quoin_endpoint_bind(endpoint, first));
	receiver = thread_run(receive_bits, (void *)(uintptr_t)endpoint);
	nap();
	need(quoin_notification_signal(second, 4));
	need(quoin_endpoint_bind(endpoint, second));
	thread_join(&receiver);
	need(quoin_handle_close(first));
	need(quoin_handle_close(second));
	need(quoin_handle_close(endpoint));
}
