"""Places, takes and lists an order at an address, with the client that openapi-python-client makes."""

import sys

from rowlock_client import AuthenticatedClient
from rowlock_client.api.orders import get_orders, patch_orders_by_id, post_orders
from rowlock_client.models import OrderBrief, PatchOrdersByIdBody, PatchOrdersByIdBodyStatus, PatchOrdersByIdResponse200, PostOrdersBody, Problem


def main(address: str) -> None:
    with AuthenticatedClient(base_url=address, token="none") as client:      # no key is looked at where none is set
        placed = post_orders.sync(client=client, body=PostOrdersBody(origin=[50.456399, "12.707580"], destination=["59.436487", 24.747193]))
        assert isinstance(placed, OrderBrief) and placed.status == "UNASSIGNED" and placed.distance > 0, placed
        taking = PatchOrdersByIdBody(status=PatchOrdersByIdBodyStatus.TAKEN)
        taken = patch_orders_by_id.sync(placed.id, client=client, body=taking)
        assert isinstance(taken, PatchOrdersByIdResponse200), taken
        again = patch_orders_by_id.sync(placed.id, client=client, body=taking)
        assert isinstance(again, Problem) and again.detail == "Order is already taken.", again
        listed = get_orders.sync(client=client, limit=3, page=1)
        assert isinstance(listed, list), listed
        assert [order.status for order in listed if order.id == placed.id] == ["TAKEN"], listed


main(sys.argv[1])
