/* What can be done with a client of a feed: made, moved to another list, sent something, ended. */
#include <config.h>

#include "core/feed_client.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/crowd.h"

struct feed_client *feed_client_new(struct feed *feed, const struct feed_filter *filter)
{
    struct feed_client *client = mem_new(sizeof *client);
    client->feed = feed;
    client->filter = *filter;
    if (filter->of_owner)
        client->filter.owner.ptr = mem_dup_n(filter->owner.ptr, filter->owner.len);
    client->owner_hash = feed_owner_hash(filter->owner);
    client->asked = feed->reader.sent;
    client->state = FEED_SENDING;
    list_append(&feed->states[FEED_SENDING], &client->link);
    list_append(&feed->beats, &client->beat_link);
    return client;
}

void feed_client_free(struct feed_client *client)
{
    struct feed *feed = client->feed;
    if (feed->paged == client) {
        call_cancel(&feed->page);
        feed->paged = NULL;
    }
    list_remove(&client->link);
    list_remove(&client->beat_link);
    crowd_leave(client->inside);
    if (client->filter.of_owner)
        free((void *)(uintptr_t)client->filter.owner.ptr);
    free(client->who);
    free(client);
}

void feed_client_set_state(struct feed_client *client, enum feed_state state)
{
    list_remove(&client->link);
    client->state = state;
    list_append(&client->feed->states[state], &client->link);
}

void feed_client_say(struct feed_client *client, struct slice piece)
{
    list_remove(&client->beat_link);
    list_append(&client->feed->beats, &client->beat_link);
    client->beat = clock_now();
    http_respond_piece(client->http, piece);
}

void feed_client_send(struct feed_client *client, struct slice piece)
{
    feed_client_set_state(client, FEED_SENDING);
    feed_client_say(client, piece);
}

void feed_client_end(struct feed_client *client)
{
    http_respond_end(client->http);
    feed_client_free(client);
}

void feed_client_cut(struct feed_client *client)
{
    http_respond_abort(client->http);
    feed_client_free(client);
}
