// The order endpoints in Go: net/http and a pgx pool, one statement a request.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"math"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	placeSQL = `INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance)
		VALUES ($1, $2, $3, $4, $5) RETURNING id, status`

	takeSQL = `WITH l AS MATERIALIZED (
			SELECT id, status, taker FROM orders WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED
		), t AS (
			UPDATE orders SET status = 'TAKEN', taker = $2, released_by = NULL, claim = claim + 1, updated_at = now()
			FROM l WHERE orders.id = l.id AND l.status = 'UNASSIGNED' RETURNING orders.id
		)
		SELECT EXISTS (SELECT FROM t) OR EXISTS (SELECT FROM l WHERE status = 'TAKEN' AND taker = $2),
			EXISTS (SELECT FROM l), EXISTS (SELECT FROM orders WHERE id = $1)`

	listSQL = `SELECT distance, id, status FROM orders ORDER BY id DESC LIMIT $1 OFFSET $2`

	readSQL = `SELECT id, origin_lat, origin_lng, destination_lat, destination_lng, distance, status, taker,
			created_at, updated_at FROM orders WHERE id = $1`
)

type server struct {
	pool *pgxpool.Pool
}

type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Error  string `json:"error"`
}

// A coordinate comes as a number or as a string.
type degrees float64

func (d *degrees) UnmarshalJSON(data []byte) error {
	text := string(data)
	if len(data) > 1 && data[0] == '"' {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	*d = degrees(n)
	return err
}

type place struct {
	Origin      []degrees `json:"origin"`
	Destination []degrees `json:"destination"`
}

type placed struct {
	Distance int64  `json:"distance"`
	ID       int64  `json:"id"`
	Status   string `json:"status"`
}

type change struct {
	Status string  `json:"status"`
	Taker  *string `json:"taker"`
}

type order struct {
	ID          int64      `json:"id"`
	Origin      [2]float64 `json:"origin"`
	Destination [2]float64 `json:"destination"`
	Distance    int64      `json:"distance"`
	Status      string     `json:"status"`
	Taker       *string    `json:"taker"`
	CreatedAt   time.Time  `json:"created_at"`
	UpdatedAt   time.Time  `json:"updated_at"`
}

func main() {
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	config.MaxConns = 10 // on two cores faster than the built-in 4, and than 20 or 40
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		log.Fatal(err)
	}
	s := &server{pool}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", s.place)
	mux.HandleFunc("PATCH /orders/{id}", s.take)
	mux.HandleFunc("GET /orders", s.list)
	mux.HandleFunc("GET /orders/{id}", s.read)
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte("UP"))
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), mux))
}

func reply(w http.ResponseWriter, status int, kind string, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	_, _ = w.Write(data)
}

func ok(w http.ResponseWriter, body any) {
	reply(w, http.StatusOK, "application/json", body)
}

func refuse(w http.ResponseWriter, status int, message string) {
	reply(w, status, "application/problem+json",
		problem{"about:blank", http.StatusText(status), status, message, message})
}

func failed(w http.ResponseWriter, err error) {
	log.Print(err)
	refuse(w, http.StatusServiceUnavailable, "The database is away.")
}

func readBody(w http.ResponseWriter, r *http.Request, into any) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return false
	}
	return true
}

func valid(point []degrees) bool {
	return len(point) == 2 && math.Abs(float64(point[0])) <= 90 && math.Abs(float64(point[1])) <= 180
}

func haversine(a, b []degrees) int64 {
	const radius = 6371008.8
	rad := func(d degrees) float64 { return float64(d) * math.Pi / 180 }
	dLat, dLng := rad(b[0]-a[0])/2, rad(b[1]-a[1])/2
	h := math.Pow(math.Sin(dLat), 2) + math.Cos(rad(a[0]))*math.Cos(rad(b[0]))*math.Pow(math.Sin(dLng), 2)
	return int64(math.Round(2 * radius * math.Asin(math.Min(1, math.Sqrt(h)))))
}

func (s *server) place(w http.ResponseWriter, r *http.Request) {
	var body place
	if !readBody(w, r, &body) {
		return
	}
	if !valid(body.Origin) || !valid(body.Destination) {
		refuse(w, http.StatusBadRequest, "origin and destination are pairs of latitude and longitude.")
		return
	}
	answer := placed{Distance: haversine(body.Origin, body.Destination)}
	err := s.pool.QueryRow(r.Context(), placeSQL, float64(body.Origin[0]), float64(body.Origin[1]),
		float64(body.Destination[0]), float64(body.Destination[1]), answer.Distance).Scan(&answer.ID, &answer.Status)
	if err != nil {
		failed(w, err)
		return
	}
	ok(w, answer)
}

func (s *server) take(w http.ResponseWriter, r *http.Request) {
	var body change
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		refuse(w, http.StatusBadRequest, "id is a number.")
		return
	}
	if !readBody(w, r, &body) {
		return
	}
	if body.Status != "TAKEN" {
		refuse(w, http.StatusBadRequest, "status is TAKEN.")
		return
	}
	var taken, locked, exists bool
	if err = s.pool.QueryRow(r.Context(), takeSQL, id, body.Taker).Scan(&taken, &locked, &exists); err != nil {
		failed(w, err)
		return
	}
	switch {
	case taken:
		ok(w, map[string]string{"status": "SUCCESS"})
	case locked:
		refuse(w, http.StatusBadRequest, "Order is already taken.")
	case exists:
		refuse(w, http.StatusBadRequest, "Order is currently occupied.")
	default:
		refuse(w, http.StatusBadRequest, "Order does not exist.")
	}
}

func (s *server) list(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	page, err := strconv.ParseInt(query.Get("page"), 10, 32)
	limit, err2 := strconv.ParseInt(query.Get("limit"), 10, 32)
	if err != nil || err2 != nil || page < 1 || limit < 1 || limit > 1000 {
		refuse(w, http.StatusBadRequest, "page is 1 or more, limit 1 to 1000.")
		return
	}
	rows, err := s.pool.Query(r.Context(), listSQL, limit, (page-1)*limit)
	if err != nil {
		failed(w, err)
		return
	}
	orders, err := pgx.CollectRows(rows, pgx.RowToStructByPos[placed])
	if err != nil {
		failed(w, err)
		return
	}
	ok(w, orders)
}

func (s *server) read(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		refuse(w, http.StatusBadRequest, "id is a number.")
		return
	}
	var o order
	err = s.pool.QueryRow(r.Context(), readSQL, id).Scan(&o.ID, &o.Origin[0], &o.Origin[1], &o.Destination[0],
		&o.Destination[1], &o.Distance, &o.Status, &o.Taker, &o.CreatedAt, &o.UpdatedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		refuse(w, http.StatusNotFound, "Order does not exist.")
		return
	}
	if err != nil {
		failed(w, err)
		return
	}
	ok(w, o)
}
