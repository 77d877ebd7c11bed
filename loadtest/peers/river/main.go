// River with jobs that do nothing: "fill" puts them in, "work" works them off.
package main

import (
	"context"
	"encoding/json"
	"log"
	"log/slog"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

const (
	batch   = 5000 // jobs an insert
	workers = 2000 // as River's own benchmark has it, and the two times below
)

type job struct {
	Number int `json:"number"`
}

func (job) Kind() string { return "nothing" }

type worker struct {
	river.WorkerDefaults[job]
	done atomic.Int64
}

func (w *worker) Work(context.Context, *river.Job[job]) error {
	w.done.Add(1)
	return nil
}

type result struct {
	Done    int64   `json:"done"`
	Rate    float64 `json:"rps"`
	Workers int     `json:"workers"`
}

func main() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	check(err)
	defer pool.Close()
	if os.Args[1] == "fill" {
		fill(ctx, pool, int(number("JOBS")))
	} else {
		check(json.NewEncoder(os.Stdout).Encode(work(ctx, pool, seconds("WARMUP"), seconds("SECONDS"))))
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func number(name string) float64 {
	n, err := strconv.ParseFloat(os.Getenv(name), 64)
	check(err)
	return n
}

func seconds(name string) time.Duration {
	return time.Duration(number(name) * float64(time.Second))
}

func fill(ctx context.Context, pool *pgxpool.Pool, jobs int) {
	driver := riverpgxv5.New(pool)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: quiet()})
	check(err)
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	check(err)
	_, err = pool.Exec(ctx, "TRUNCATE river_job")
	check(err)
	client, err := river.NewClient(driver, &river.Config{Logger: quiet()})
	check(err)
	for n := 0; n < jobs; n += batch {
		_, err = client.InsertManyFast(ctx, parameters(n, min(n+batch, jobs)))
		check(err)
	}
}

func parameters(from, to int) []river.InsertManyParams {
	found := make([]river.InsertManyParams, 0, to-from)
	for n := from; n < to; n++ {
		found = append(found, river.InsertManyParams{Args: job{n}})
	}
	return found
}

func work(ctx context.Context, pool *pgxpool.Pool, warmup, measured time.Duration) result {
	w := &worker{}
	client := newClient(pool, w)
	events, cancel := client.SubscribeConfig(&river.SubscribeConfig{
		ChanSize: 100000, // it does not wait for whoever is slow to count
		Kinds:    []river.EventKind{river.EventKindJobCompleted},
	})
	defer cancel()
	var completed atomic.Int64 // what the database has been told of
	go func() {
		for range events {
			completed.Add(1)
		}
	}()
	check(client.Start(ctx))
	time.Sleep(warmup)
	began, before := time.Now(), completed.Load()
	time.Sleep(measured)
	rate := float64(completed.Load()-before) / time.Since(began).Seconds()
	check(client.Stop(ctx))
	return result{w.done.Load(), rate, workers}
}

func newClient(pool *pgxpool.Pool, w *worker) *river.Client[pgx.Tx] {
	known := river.NewWorkers()
	river.AddWorker(known, w)
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		FetchCooldown:     2 * time.Millisecond,
		FetchPollInterval: 20 * time.Millisecond,
		Logger:            quiet(),
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}},
		Workers:           known,
	})
	check(err)
	return client
}

func quiet() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
