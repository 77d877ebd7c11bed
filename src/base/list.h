/* Intrusive doubly linked list. A node sits on at most one list, and knows which, so that a length cannot be wrong. A
 * node that is zero sits on none. The length is counted, because counts are what limits and logs ask for. */
#ifndef ROWLOCK_BASE_LIST_H
#define ROWLOCK_BASE_LIST_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

struct list;

struct list_node {
    struct list_node *next, *prev;
    struct list *list; /* NULL: it sits on none */
};

struct list {
    struct list_node head;
    size_t length;
};

/* The object that holds a node: list_entry(node, struct call, link). */
#define list_entry(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* The objects of a list: list_first_of(&calls, struct call, link). NULL when there is none. */
#define list_first_of(list, type, member) ((type *)list_object(list_first(list), offsetof(type, member)))
#define list_last_of(list, type, member) ((type *)list_object(list_last(list), offsetof(type, member)))
#define list_next_of(item, type, member)                                                                     \
    ((type *)list_object(list_next(&(item)->member), offsetof(type, member)))
#define list_pop_of(list, type, member) ((type *)list_object(list_pop(list), offsetof(type, member)))

/* list_for_each(struct call, call, &calls, link) { ... }: the body may remove the object that it is given, no other. */
#define list_for_each(type, item, list, member)                                                              \
    for (type *item = list_first_of(list, type, member), *item##_next;                                       \
         item != NULL && (item##_next = list_next_of(item, type, member), true); item = item##_next)

static inline void list_init(struct list *list)
{
    list->head.next = list->head.prev = &list->head;
    list->length = 0;
}

static inline void list_node_init(struct list_node *node)
{
    *node = (struct list_node){NULL, NULL, NULL};
}

static inline bool list_linked(const struct list_node *node)
{
    return node->list != NULL;
}

/* The node must sit on no list; what it stands behind is on this one, or the head. */
static inline void list_insert_behind(struct list *list, struct list_node *before, struct list_node *node)
{
    assert(!list_linked(node));
    node->list = list;
    node->prev = before;
    node->next = before->next;
    before->next->prev = node;
    before->next = node;
    list->length++;
}

static inline void list_append(struct list *list, struct list_node *node)
{
    list_insert_behind(list, list->head.prev, node);
}

static inline void list_prepend(struct list *list, struct list_node *node)
{
    list_insert_behind(list, &list->head, node);
}

/* Harmless for a node that sits on no list. */
static inline void list_remove(struct list_node *node)
{
    if (!list_linked(node))
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->list->length--;
    list_node_init(node);
}

static inline struct list_node *list_first(const struct list *list)
{
    return list->length > 0 ? list->head.next : NULL;
}

static inline struct list_node *list_last(const struct list *list)
{
    return list->length > 0 ? list->head.prev : NULL;
}

/* The node must sit on a list. */
static inline struct list_node *list_next(const struct list_node *node)
{
    return node->next == &node->list->head ? NULL : node->next;
}

static inline struct list_node *list_pop(struct list *list)
{
    struct list_node *node = list_first(list);
    if (node != NULL)
        list_remove(node);
    return node;
}

static inline void *list_object(struct list_node *node, size_t offset)
{
    return node != NULL ? (char *)node - offset : NULL;
}

#endif
