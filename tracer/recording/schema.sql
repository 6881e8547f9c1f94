-- A lockwatch recording, version 1 (PRAGMA user_version; PRAGMA application_id is 'LKWT').
--
-- To look at one by hand, begin with the views at the end:
--   sqlite3 run.lockwatch 'SELECT lock, count(*), sum(wait_ns) FROM waits GROUP BY lock ORDER BY 3 DESC'
--
-- Columns that end in _ns are nanoseconds. A time is counted from the trace's start; trace.started_ns says
-- where that lies on CLOCK_MONOTONIC, trace.started on the calendar. Addresses are signed 64-bit numbers:
-- the upper half of the address space is negative. Other tables are referred to by their `id`.

-- ---- the trace ----------------------------------------------------------------------------------------

-- One row. `finished` is 0 where the recording was cut off: `duration_ns` is then the last second's end, and
-- the aggregates below are missing.
CREATE TABLE trace (
    version TEXT NOT NULL,
    started TEXT NOT NULL,          -- ISO 8601, local time with its offset
    started_ns INTEGER NOT NULL,
    duration_ns INTEGER NOT NULL,
    threshold_ns INTEGER NOT NULL,  -- shorter waits are in the aggregates only
    hook TEXT NOT NULL,
    end_reason TEXT NOT NULL,
    finished INTEGER NOT NULL,
    probe_state TEXT,               -- the pthread_mutex_lock probe; NULL without one
    probe_hits INTEGER,
    probe_cost_ns_per_hit INTEGER,
    probe_on_ns INTEGER,
    probe_reason TEXT
) STRICT;
CREATE TABLE target (pid INTEGER NOT NULL, comm TEXT NOT NULL, exe TEXT NOT NULL) STRICT;
CREATE TABLE environment (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE health (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE incomplete (reason TEXT PRIMARY KEY, stacks INTEGER NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;

-- ---- what events refer to -----------------------------------------------------------------------------

CREATE TABLE kind (id INTEGER PRIMARY KEY, name TEXT NOT NULL, contention INTEGER NOT NULL) STRICT;
CREATE TABLE outcome (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
CREATE TABLE release_kind (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
CREATE TABLE thread (id INTEGER PRIMARY KEY, pid INTEGER NOT NULL, tid INTEGER NOT NULL, name TEXT NOT NULL) STRICT;
CREATE TABLE request (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
-- `identity` is the same in the next run of the same program; `name` is for people.
CREATE TABLE lock (
    id INTEGER PRIMARY KEY,
    pid INTEGER NOT NULL,
    address INTEGER NOT NULL,
    kind INTEGER NOT NULL REFERENCES kind,
    name TEXT NOT NULL,
    identity TEXT NOT NULL,
    class TEXT
) STRICT;
CREATE TABLE module (id INTEGER PRIMARY KEY, path TEXT NOT NULL, build_id TEXT) STRICT;
-- `address` is the run-time pc, `offset` the file's own address of it (pc - load bias).
CREATE TABLE frame (
    id INTEGER PRIMARY KEY,
    module INTEGER NOT NULL REFERENCES module,
    offset INTEGER NOT NULL,
    address INTEGER NOT NULL,
    function TEXT,
    file TEXT,
    line INTEGER
) STRICT;
-- `end` is "complete", or why there are no more frames. `depth` 0 is the innermost frame.
CREATE TABLE stack (id INTEGER PRIMARY KEY, end TEXT NOT NULL) STRICT;
CREATE TABLE stack_frame (
    stack INTEGER NOT NULL REFERENCES stack,
    depth INTEGER NOT NULL,
    frame INTEGER NOT NULL REFERENCES frame,
    PRIMARY KEY (stack, depth)
) WITHOUT ROWID, STRICT;

-- ---- events, in the order in which they were seen -----------------------------------------------------

CREATE TABLE wait (
    start_ns INTEGER NOT NULL,
    wait_ns INTEGER NOT NULL,
    thread INTEGER NOT NULL REFERENCES thread,
    lock INTEGER NOT NULL REFERENCES lock,
    kind INTEGER NOT NULL REFERENCES kind,
    outcome INTEGER NOT NULL REFERENCES outcome,
    sleeps INTEGER NOT NULL,
    stack INTEGER NOT NULL REFERENCES stack,
    owner INTEGER REFERENCES thread,        -- who held the lock when the wait began
    owner_confirmed INTEGER NOT NULL,       -- and was then seen to release it
    request INTEGER REFERENCES request,     -- on whose behalf was waited
    owner_request INTEGER REFERENCES request
) STRICT;
CREATE TABLE release (
    time_ns INTEGER NOT NULL,
    blame_ns INTEGER NOT NULL,              -- waiting time charged to this release
    thread INTEGER NOT NULL REFERENCES thread,
    lock INTEGER NOT NULL REFERENCES lock,
    what INTEGER NOT NULL REFERENCES release_kind,
    stack INTEGER NOT NULL REFERENCES stack,
    request INTEGER REFERENCES request
) STRICT;

-- ---- aggregates, written at the trace's end -----------------------------------------------------------

-- Every ended wait of every lock, of any length. acquisitions: NULL where they were not counted.
CREATE TABLE lock_total (
    id INTEGER PRIMARY KEY,                 -- 0 is the lock that was waited for longest
    lock INTEGER NOT NULL REFERENCES lock,
    waits INTEGER NOT NULL,
    wait_ns INTEGER NOT NULL,
    max_wait_ns INTEGER NOT NULL,
    sleeps INTEGER NOT NULL,
    timeouts INTEGER NOT NULL,
    interrupted INTEGER NOT NULL,
    long_waits INTEGER NOT NULL,
    long_wait_ns INTEGER NOT NULL,
    unfinished INTEGER NOT NULL,
    unfinished_ns INTEGER NOT NULL,
    eagain INTEGER NOT NULL,
    acquisitions INTEGER,
    acquisitions_estimated INTEGER NOT NULL,
    acquisitions_saturated INTEGER NOT NULL
) STRICT;
-- waits of 2^log2_ns to 2^(log2_ns + 1) nanoseconds
CREATE TABLE lock_histogram (
    lock INTEGER NOT NULL REFERENCES lock,
    log2_ns INTEGER NOT NULL,
    waits INTEGER NOT NULL,
    PRIMARY KEY (lock, log2_ns)
) WITHOUT ROWID, STRICT;
CREATE TABLE lock_owner (
    id INTEGER PRIMARY KEY,
    lock INTEGER NOT NULL REFERENCES lock,
    tid INTEGER NOT NULL,
    thread TEXT NOT NULL,
    waits INTEGER NOT NULL,
    wait_ns INTEGER NOT NULL,
    confirmed INTEGER NOT NULL
) STRICT;
CREATE TABLE wait_sum (
    id INTEGER PRIMARY KEY,
    lock INTEGER NOT NULL REFERENCES lock,
    kind INTEGER NOT NULL REFERENCES kind,
    stack INTEGER NOT NULL REFERENCES stack,
    thread INTEGER NOT NULL REFERENCES thread,
    request INTEGER REFERENCES request,
    waits INTEGER NOT NULL,
    wait_ns INTEGER NOT NULL,
    max_wait_ns INTEGER NOT NULL
) STRICT;
-- stack and thread are NULL in rows that no single stack stands for
CREATE TABLE release_sum (
    id INTEGER PRIMARY KEY,
    lock INTEGER NOT NULL REFERENCES lock,
    what INTEGER NOT NULL REFERENCES release_kind,
    stack INTEGER REFERENCES stack,
    thread INTEGER REFERENCES thread,
    request INTEGER REFERENCES request,
    releases INTEGER NOT NULL,
    blame_ns INTEGER NOT NULL
) STRICT;
-- Waits that had not ended. start_ns is negative where the wait began before the trace.
CREATE TABLE blocked (
    id INTEGER PRIMARY KEY,
    thread INTEGER NOT NULL REFERENCES thread,
    lock INTEGER NOT NULL REFERENCES lock,
    kind INTEGER NOT NULL REFERENCES kind,
    start_ns INTEGER NOT NULL,
    wait_ns INTEGER NOT NULL,
    before_attach INTEGER NOT NULL,
    owner INTEGER REFERENCES thread,
    owner_confirmed INTEGER NOT NULL,
    stack INTEGER NOT NULL REFERENCES stack,
    request INTEGER REFERENCES request
) STRICT;
-- Served calls, by API. `request_source` has a row only where calls are known.
CREATE TABLE request_source (known INTEGER NOT NULL) STRICT;
CREATE TABLE request_total (
    id INTEGER PRIMARY KEY,
    api TEXT NOT NULL,
    calls INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    p50_ns INTEGER NOT NULL,
    p90_ns INTEGER NOT NULL,
    max_ns INTEGER NOT NULL,
    total_ns INTEGER NOT NULL,
    queued_ns INTEGER NOT NULL,
    throttled_ns INTEGER NOT NULL,
    lock_wait_ns INTEGER NOT NULL,
    cond_wait_ns INTEGER NOT NULL,
    other_ns INTEGER NOT NULL,
    cpu_ns INTEGER,
    runqueue_ns INTEGER,
    blocked_ns INTEGER
) STRICT;
CREATE TABLE request_lock (
    id INTEGER PRIMARY KEY,
    total INTEGER NOT NULL REFERENCES request_total,
    lock TEXT NOT NULL,
    identity TEXT NOT NULL,
    wait_ns INTEGER NOT NULL,
    calls INTEGER NOT NULL
) STRICT;
CREATE TABLE request_held_up_by (
    id INTEGER PRIMARY KEY,
    total INTEGER NOT NULL REFERENCES request_total,
    api TEXT NOT NULL,
    lock TEXT NOT NULL,
    wait_ns INTEGER NOT NULL
) STRICT;

-- ---- for people ---------------------------------------------------------------------------------------

CREATE VIEW waits AS
SELECT wait.start_ns, wait.wait_ns, thread.pid, thread.tid, thread.name AS thread, lock.name AS lock,
       lock.identity, kind.name AS kind, kind.contention, outcome.name AS outcome, wait.sleeps,
       owner.tid AS owner_tid, owner.name AS owner, wait.owner_confirmed, request.name AS request,
       owner_request.name AS owner_request, wait.stack
FROM wait
JOIN thread ON thread.id = wait.thread
JOIN lock ON lock.id = wait.lock
JOIN kind ON kind.id = wait.kind
JOIN outcome ON outcome.id = wait.outcome
LEFT JOIN thread AS owner ON owner.id = wait.owner
LEFT JOIN request ON request.id = wait.request
LEFT JOIN request AS owner_request ON owner_request.id = wait.owner_request;

CREATE VIEW releases AS
SELECT release.time_ns, release.blame_ns, thread.pid, thread.tid, thread.name AS thread, lock.name AS lock,
       lock.identity, release_kind.name AS what, request.name AS request, release.stack
FROM release
JOIN thread ON thread.id = release.thread
JOIN lock ON lock.id = release.lock
JOIN release_kind ON release_kind.id = release.what
LEFT JOIN request ON request.id = release.request;

CREATE VIEW stacks AS
SELECT stack_frame.stack, stack_frame.depth, coalesce(frame.function, printf('%s+0x%x', module.path, frame.offset))
       AS function, module.path AS module, module.build_id, frame.offset, frame.file, frame.line
FROM stack_frame
JOIN frame ON frame.id = stack_frame.frame
JOIN module ON module.id = frame.module
ORDER BY stack_frame.stack, stack_frame.depth;
