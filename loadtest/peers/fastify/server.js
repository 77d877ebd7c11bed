// The order endpoints on Fastify and postgres.js, one statement a request.
import Fastify from 'fastify'
import postgres from 'postgres'

// bigint columns hold ids and metres, far below 2^53
const sql = postgres(process.env.DATABASE_URL, {
  types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } }
})
const app = Fastify({ bodyLimit: 65536, ajv: { customOptions: { coerceTypes: false, removeAdditional: false } } })

const degrees = { anyOf: [{ type: 'number' }, { type: 'string', pattern: '^-?[0-9]+(\\.[0-9]+)?$' }] }
const point = { type: 'array', items: degrees, minItems: 2, maxItems: 2 }
const listed = {
  type: 'object',
  properties: { distance: { type: 'integer' }, id: { type: 'integer' }, status: { type: 'string' } }
}
const problem = {
  type: 'object',
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    error: { type: 'string' }
  }
}
const whole = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    origin: { type: 'array', items: { type: 'number' } },
    destination: { type: 'array', items: { type: 'number' } },
    distance: { type: 'integer' },
    status: { type: 'string' },
    taker: { type: ['string', 'null'] },
    created_at: { type: 'string', format: 'date-time' },
    updated_at: { type: 'string', format: 'date-time' }
  }
}

const titles = { 400: 'Bad Request', 404: 'Not Found', 503: 'Service Unavailable' }

function refuse (reply, status, message) {
  reply.code(status).type('application/problem+json')
  return { type: 'about:blank', title: titles[status], status, detail: message, error: message }
}

function haversine ([lat1, lng1], [lat2, lng2]) {
  const rad = (d) => (d * Math.PI) / 180
  const h = Math.sin(rad(lat2 - lat1) / 2) ** 2 +
    Math.cos(rad(lat1)) * Math.cos(rad(lat2)) * Math.sin(rad(lng2 - lng1) / 2) ** 2
  return Math.round(2 * 6371008.8 * Math.asin(Math.min(1, Math.sqrt(h))))
}

const valid = ([lat, lng]) => Math.abs(lat) <= 90 && Math.abs(lng) <= 180

app.setErrorHandler((error, request, reply) => {
  if (error.validation || error.statusCode < 500) return reply.send(refuse(reply, 400, error.message))
  console.error(error)
  return reply.send(refuse(reply, 503, 'The database is away.'))
})

app.post('/orders', {
  schema: {
    body: {
      type: 'object',
      required: ['origin', 'destination'],
      additionalProperties: false,
      properties: { origin: point, destination: point }
    },
    response: { 200: listed, 400: problem }
  }
}, async (request, reply) => {
  const origin = request.body.origin.map(Number)
  const destination = request.body.destination.map(Number)
  if (!valid(origin) || !valid(destination)) return refuse(reply, 400, 'Coordinates are out of range.')
  const distance = haversine(origin, destination)
  const [order] = await sql`
    INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance)
    VALUES (${origin[0]}, ${origin[1]}, ${destination[0]}, ${destination[1]}, ${distance})
    RETURNING distance, id, status`
  return order
})

const idParams = { type: 'object', properties: { id: { type: 'string', pattern: '^[0-9]{1,15}$' } } }

app.patch('/orders/:id', {
  schema: {
    params: idParams,
    body: {
      type: 'object',
      required: ['status'],
      additionalProperties: false,
      properties: { status: { const: 'TAKEN' }, taker: { type: ['string', 'null'] } }
    },
    response: { 200: { type: 'object', properties: { status: { type: 'string' } } }, 400: problem }
  }
}, async (request, reply) => {
  const id = request.params.id
  const taker = request.body.taker ?? null
  const [found] = await sql`
    WITH l AS MATERIALIZED (
      SELECT id, status, taker FROM orders WHERE id = ${id} FOR NO KEY UPDATE SKIP LOCKED
    ), t AS (
      UPDATE orders SET status = 'TAKEN', taker = ${taker}, released_by = NULL, claim = claim + 1, updated_at = now()
      FROM l WHERE orders.id = l.id AND l.status = 'UNASSIGNED' RETURNING orders.id
    )
    SELECT EXISTS (SELECT FROM t) OR EXISTS (SELECT FROM l WHERE status = 'TAKEN' AND taker = ${taker}) AS taken,
      EXISTS (SELECT FROM l) AS locked, EXISTS (SELECT FROM orders WHERE id = ${id}) AS exists`
  if (found.taken) return { status: 'SUCCESS' }
  if (found.locked) return refuse(reply, 400, 'Order is already taken.')
  return refuse(reply, 400, found.exists ? 'Order is currently occupied.' : 'Order does not exist.')
})

app.get('/orders', {
  schema: {
    querystring: {
      type: 'object',
      required: ['page', 'limit'],
      additionalProperties: false,
      properties: { page: { type: 'string', pattern: '^[0-9]{1,9}$' }, limit: { type: 'string', pattern: '^[0-9]{1,4}$' } }
    },
    response: { 200: { type: 'array', items: listed }, 400: problem }
  }
}, async (request, reply) => {
  const page = Number(request.query.page)
  const limit = Number(request.query.limit)
  if (page < 1 || limit < 1 || limit > 1000) return refuse(reply, 400, 'page is 1 or more, limit 1 to 1000.')
  return sql`SELECT distance, id, status FROM orders ORDER BY id DESC LIMIT ${limit} OFFSET ${(page - 1) * limit}`
})

app.get('/orders/:id', { schema: { params: idParams, response: { 200: whole, 404: problem } } }, async (request, reply) => {
  const [o] = await sql`
    SELECT id, origin_lat, origin_lng, destination_lat, destination_lng, distance, status, taker, created_at, updated_at
    FROM orders WHERE id = ${request.params.id}`
  if (!o) return refuse(reply, 404, 'Order does not exist.')
  return {
    id: o.id,
    origin: [o.origin_lat, o.origin_lng],
    destination: [o.destination_lat, o.destination_lng],
    distance: o.distance,
    status: o.status,
    taker: o.taker,
    created_at: o.created_at,
    updated_at: o.updated_at
  }
})

app.get('/health', async (request, reply) => {
  reply.type('text/plain')
  return 'UP'
})

process.on('SIGTERM', async () => {
  await app.close()
  await sql.end()
})

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
