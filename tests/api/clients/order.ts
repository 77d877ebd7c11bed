// Places, takes and lists an order at an address, with the types that openapi-typescript makes and openapi-fetch.
import createClient from "openapi-fetch";
import type { paths } from "./api";

function assert(condition: unknown, value: unknown): asserts condition {
    if (!condition)
        throw new Error(JSON.stringify(value));
}

const address = process.argv[2];
assert(address, "no address");
const client = createClient<paths>({ baseUrl: address });

const placed = await client.POST("/orders", { body: { origin: [50.456399, "12.707580"], destination: ["59.436487", 24.747193] } });
assert(placed.data?.status === "UNASSIGNED" && placed.data.distance > 0, placed);
const id: number = placed.data.id;

const taking = { params: { path: { id } }, body: { status: "TAKEN" as const } };
const taken = await client.PATCH("/orders/{id}", taking);
assert(taken.data?.status === "SUCCESS", taken);
const again = await client.PATCH("/orders/{id}", taking);
assert(again.error?.detail === "Order is already taken.", again);

const listed = await client.GET("/orders", { params: { query: { limit: 3, page: 1 } } });
assert(listed.data?.find((order) => order.id === id)?.status === "TAKEN", listed);
