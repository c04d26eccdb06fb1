/* Intrusive doubly linked lists: a head is a node that points at itself when empty. */
#ifndef QUOIN_LIST_H
#define QUOIN_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(head)          \
	{                        \
		&(head), &(head) \
	}
#define list_entry(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))
#define list_for_each(node, head)      for (struct list *node = (head)->next; node != (head); node = node->next)
#define list_for_each_safe(node, after, head)                                       \
	for (struct list *node = (head)->next, *after = node->next; node != (head); \
	     node = after, after = node->next)

#define list_for_each_entry(entry, head, member)                                                         \
	for (entry = list_entry((head)->next, __typeof__(*(entry)), member); &(entry)->member != (head); \
	     entry = list_entry((entry)->member.next, __typeof__(*(entry)), member))

static inline void list_init(struct list *head)
{
	head->next = head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

static inline void list_insert(struct list *node, struct list *before, struct list *after)
{
	node->prev = before;
	node->next = after;
	before->next = node;
	after->prev = node;
}

static inline void list_add_head(struct list *head, struct list *node)
{
	list_insert(node, head, head->next);
}

static inline void list_add_tail(struct list *head, struct list *node)
{
	list_insert(node, head->prev, head);
}

/* Leaves the node empty, so that removing it again does nothing. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

static inline struct list *list_pop(struct list *head)
{
	struct list *node = head->next;

	if (node == head)
		return NULL;
	list_remove(node);
	return node;
}

#endif
