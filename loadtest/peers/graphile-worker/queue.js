// graphile-worker with jobs that do nothing: "fill" puts them in, "work" works them off.
import { setTimeout as sleep } from 'node:timers/promises'
import { Logger, makeWorkerUtils, run } from 'graphile-worker'

const BATCH = 5000 // jobs a call
const JOBS = 'graphile_worker._private_jobs'

// What the documentation calls its fastest configuration.
const preset = {
  worker: {
    connectionString: process.env.DATABASE_URL,
    concurrentJobs: 24,
    maxPoolSize: 25,
    localQueue: { size: 500, refetchDelay: { durationMs: 10 } },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
    logger: new Logger(() => (level, message) => {
      if (level === 'error') console.error(message)
    })
  }
}

async function fill (utils, jobs) {
  await utils.migrate()
  await utils.withPgClient((client) => client.query(`TRUNCATE ${JOBS}`))
  for (let from = 0; from < jobs; from += BATCH) {
    const length = Math.min(BATCH, jobs - from)
    await utils.addJobs(Array.from({ length }, (_, n) => ({ identifier: 'nothing', payload: { number: from + n } })))
  }
}

// Completions are sent in batches that nobody waits for, so the database alone knows how many there were.
async function left (utils) {
  const now = performance.now()
  const { rows } = await utils.withPgClient((client) => client.query(`SELECT count(*) FROM ${JOBS}`))
  return { now, jobs: Number(rows[0].count) }
}

async function work (utils, warmup, seconds) {
  let done = 0
  const runner = await run({ preset, noHandleSignals: true, taskList: { nothing: () => { done++ } } })
  await sleep(1000 * warmup)
  const before = await left(utils)
  await sleep(1000 * seconds)
  const after = await left(utils)
  await runner.stop()
  return {
    done,
    rps: 1000 * (before.jobs - after.jobs) / (after.now - before.now),
    workers: preset.worker.concurrentJobs
  }
}

const utils = await makeWorkerUtils({ preset })
if (process.argv[2] === 'fill') {
  await fill(utils, Number(process.env.JOBS))
} else {
  console.log(JSON.stringify(await work(utils, Number(process.env.WARMUP), Number(process.env.SECONDS))))
}
await utils.release()
