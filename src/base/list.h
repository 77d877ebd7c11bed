/* Intrusive doubly linked list. A node sits on at most one list; a node that sits on none links to itself.
 * The length is counted, because counts are what limits and logs ask for. */
#ifndef ROWLOCK_BASE_LIST_H
#define ROWLOCK_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_node {
    struct list_node *next, *prev;
};

struct list {
    struct list_node head;
    size_t length;
};

/* The object that holds a node: list_entry(node, struct call, link). */
#define list_entry(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
    list->head.next = list->head.prev = &list->head;
    list->length = 0;
}

static inline void list_node_init(struct list_node *node)
{
    node->next = node->prev = node;
}

static inline bool list_linked(const struct list_node *node)
{
    return node->next != node;
}

static inline void list_append(struct list *list, struct list_node *node)
{
    node->prev = list->head.prev;
    node->next = &list->head;
    list->head.prev->next = node;
    list->head.prev = node;
    list->length++;
}

static inline void list_prepend(struct list *list, struct list_node *node)
{
    node->next = list->head.next;
    node->prev = &list->head;
    list->head.next->prev = node;
    list->head.next = node;
    list->length++;
}

/* The list must be the one the node sits on; harmless for a node that sits on none. */
static inline void list_remove(struct list *list, struct list_node *node)
{
    if (!list_linked(node))
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_node_init(node);
    list->length--;
}

static inline struct list_node *list_first(const struct list *list)
{
    return list->head.next == &list->head ? NULL : list->head.next;
}

static inline struct list_node *list_next(const struct list *list, const struct list_node *node)
{
    return node->next == &list->head ? NULL : node->next;
}

static inline struct list_node *list_pop(struct list *list)
{
    struct list_node *node = list_first(list);
    if (node != NULL)
        list_remove(list, node);
    return node;
}

#endif
