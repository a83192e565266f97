"""Is tonight's batch on time, and if not, why? For somebody who knows nothing else."""

from __future__ import annotations

from tools.dashboards import parts
from tools.dashboards.parts import (
    A_WORKER,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    QUALITY,
    RED,
    TONIGHT,
    WORKERS,
    YELLOW,
    Json,
    query,
    steps,
)

ANSWERS = parts.words({0: ("does not answer", RED), 1: ("answers", GREEN)})
STATES = {"unsent": GREY, "waiting": BLUE, "running": YELLOW, "done": GREEN, "failed": RED}
OUTCOMES = {"done": GREEN, "failed": RED, "skipped": BLUE, "dropped": GREY}


def tonight() -> Json:
    """Is tonight's batch on time, and if not, why?"""
    return parts.dashboard(
        TONIGHT,
        "Douga: Tonight",
        """Is tonight's batch on time, and if not, why? Tonight are all jobs that run and those that were
        completed within the last 12 hours; jobs that are paused are not.""",
        [
            *_answer(),
            parts.row("What is wrong now"),
            *_wrong_now(),
            parts.row("The night so far"),
            *_course(),
            parts.row("What waits"),
            *_backlog(),
            parts.row("Which shows and jobs"),
            *_shows_and_jobs(),
        ],
        hours=12,
        links=[parts.link("Workers", WORKERS), parts.link("Quality", QUALITY)],
    )


def _answer() -> list[Json]:
    return [
        parts.stat(
            "Is the batch on time?",
            """On time: at the present pace the last frame is finished before the hour that is agreed (see
            "Finish"). Late: it is not; look at pace and workers below. Not moving: frames are left and
            none was finished within five minutes; look at "What is wrong now". A batch that has just been
            sent shows "not moving" until its first frames are finished.""",
            [query("farm:batch_verdict:code")],
            size=(6, 6),
            mappings=parts.words(
                {
                    0: ("no batch", GREY),
                    1: ("done", GREEN),
                    2: ("on time", GREEN),
                    3: ("late", ORANGE),
                    4: ("not moving", RED),
                }
            ),
            none="not known: the exporter or the queue does not answer",
            is_filled=True,
        ),
        parts.stat(
            "Done",
            """Share of tonight's frames that are done. While a producer still lists scans, the total grows
            and this may fall.""",
            [
                query(
                    """(sum(state:douga_frames_tonight:sum{state="done"}) or 0 * farm:frames_tonight:sum)
                    / (farm:frames_tonight:sum > 0)"""
                )
            ],
            size=(4, 6),
            unit="percentunit",
            thresholds=steps((None, BLUE), (1, GREEN)),
            none="no frames",
            has_course=True,
        ),
        parts.stat(
            "Frames",
            "All of tonight's frames, those left to do, and those that failed for good (dead letters).",
            [
                query("farm:frames_tonight:sum", "all"),
                query("farm:frames_left:sum", "left"),
                query(
                    """sum(state:douga_frames_tonight:sum{state="failed"}) or 0 * farm:frames_tonight:sum""",
                    "failed",
                ),
            ],
            size=(5, 6),
            overrides=[
                parts.override("all", thresholds=steps((None, "text"))),
                parts.override("left", thresholds=steps((None, GREEN), (1, BLUE))),
                parts.override("failed", thresholds=steps((None, GREEN), (1, RED))),
            ],
        ),
        parts.stat(
            "Pace",
            "Frames that all workers together finish in a second, over the last five minutes.",
            [query("farm:frames_settled:rate5m", "frames a second")],
            size=(3, 6),
            decimals=2,
            thresholds=steps((None, GREY), (0.001, GREEN)),
            none="no worker",
            has_course=True,
        ),
        parts.stat(
            "Finish",
            """When the last frame is finished at the present pace (or was, if nothing is left), and the hour
            that is agreed for the morning (in deploy/prometheus/rules/recording.yml, under MORNING).""",
            [
                query("1000 * farm:batch_finish:timestamp_seconds", "last frame"),
                query("1000 * farm:batch_deadline:timestamp_seconds", "agreed"),
            ],
            size=(6, 6),
            unit="dateTimeAsLocal",
            overrides=[parts.override("agreed", thresholds=steps((None, "text")))],
            none="nothing moves",
        ),
    ]


def _wrong_now() -> list[Json]:
    return [
        parts.table(
            "Alerts",
            """What Prometheus complains about, and what it will complain about if it goes on (pending). Each
            alert has a section of its name in docs/runbook.md that says what to do.""",
            [query('ALERTS{alertname=~"Douga.*"}', is_table=True)],
            size=(12, 7),
            columns={
                "alertstate": "state",
                "severity": "severity",
                "alertname": "alert",
                "instance": "where",
                "reason": "why",
            },
            overrides=[
                parts.override(
                    "severity",
                    mappings=[
                        {
                            "type": "value",
                            "options": {
                                "critical": {"color": RED, "index": 0},
                                "warning": {"color": ORANGE, "index": 1},
                            },
                        }
                    ],
                    custom_cellOptions={"type": "color-text"},
                )
            ],
            none="nothing: all is well",
            sort_by=("state", False),
        ),
        parts.stat(
            "Queue and store",
            """Whether the Redis that holds queue and jobs, and the staging place in the object store, answer
            the exporter. "not known": the exporter itself does not answer, or no staging place is set.""",
            [query("max(douga_broker_up)", "queue"), query("max(douga_store_up)", "store")],
            size=(4, 7),
            none="not known",
            mappings=ANSWERS,
            is_filled=True,
        ),
        parts.stat(
            "Workers",
            """Workers that answer Prometheus, those of them that are ready (network loaded, queue and store
            answer), and those that Prometheus knows and that do not answer.""",
            [
                query(f"count(up{{{A_WORKER}}} == 1) or vector(0)", "answer"),
                query("sum(douga_worker_ready) or vector(0)", "ready"),
                query(f"count(up{{{A_WORKER}}} == 0) or vector(0)", "do not answer"),
            ],
            size=(4, 7),
            thresholds=steps((None, RED), (1, GREEN)),
            overrides=[parts.override("do not answer", thresholds=steps((None, GREEN), (1, RED)))],
        ),
        parts.bars(
            "Failed, by reason",
            """Tonight's dead letters by their reason; the glossary of reasons is in docs/runbook.md under
            DougaDeadLettersGrow. `douga status JOB` names the frames, `douga retry JOB` sends them again
            after the cause is mended.""",
            [
                query(
                    "sum by (reason) (max by (show, reason) (douga_dead_letters))",
                    "{{reason}}",
                    is_latest=True,
                )
            ],
            size=(4, 7),
            thresholds=steps((None, RED)),
            none="no frame failed",
        ),
    ]


def _course() -> list[Json]:
    return [
        parts.series(
            "Where the frames stand",
            """Tonight's frames: not sent yet (their producer waits until the queue is shorter), waiting, in
            the works, done, failed. Green should climb to the top by morning.""",
            [query("state:douga_frames_tonight:sum", "{{state}}")],
            overrides=parts.colored(STATES),
            is_stacked=True,
        ),
        parts.series(
            "Frames a second",
            """How fast frames are settled, by how they end. "skipped": done already, by a worker that died
            before it could say so; "dropped": their job was cancelled.""",
            [query("sum by (outcome) (rate(douga_frames_total[$__rate_interval]))", "{{outcome}}")],
            overrides=parts.colored(OUTCOMES),
            is_stacked=True,
        ),
        parts.series(
            "Time that it takes, time that there is",
            """Until the last frame is finished at the present pace, and until the hour that is agreed. The
            batch is late where the first is above the second; no line where nothing moves.""",
            [
                query(
                    "(farm:batch_finish:timestamp_seconds - time()) and farm:frames_left:sum > 0", "needed"
                ),
                query("clamp_min(farm:batch_deadline:timestamp_seconds - time(), 0)", "there is"),
            ],
            unit="s",
            overrides=parts.colored({"needed": BLUE, "there is": GREY}),
        ),
    ]


def _backlog() -> list[Json]:
    return [
        parts.series(
            "Waiting frames, by queue",
            """Frames of running jobs that nobody has begun. A queue that does not shrink while others do may
            have no worker: a job with a show needs workers that serve the show (docs/farm.md, Queues).
            Lower priorities wait for higher ones.""",
            [query("max by (queue) (douga_queue_waiting_frames)", "{{queue}}")],
            size=(6, 8),
            is_stacked=True,
        ),
        parts.series(
            "Oldest waiting chunk, by queue",
            """How long ago the next chunk of each queue was sent. It grows through a night of one large
            batch; it is wrong where a queue of high priority grows.""",
            [query("max by (queue) (douga_queue_oldest_age_seconds)", "{{queue}}")],
            size=(6, 8),
            unit="s",
        ),
        parts.series(
            "In the works",
            """Frames that workers have begun, frames that wait in quarantine (they were at hand when workers
            died), and how many chunks workers hold.""",
            [
                query("sum(douga_inflight_frames)", "frames begun"),
                query("max(douga_claimed_chunks)", "chunks held"),
                query('max(douga_queue_depth{queue="gpu.quarantine"})', "quarantine"),
            ],
            size=(6, 8),
            overrides=parts.colored({"frames begun": YELLOW, "chunks held": PURPLE, "quarantine": RED}),
        ),
        parts.series(
            "Are the networks busy?",
            """Share of the workers' time in which their networks are at work. Near 100 %: more workers make
            the batch faster. Low while frames wait: something else holds them up, see the dashboard
            Workers.""",
            [query("farm:network_busy:ratio5m", "busy")],
            size=(6, 8),
            unit="percentunit",
            thresholds=steps((None, ORANGE), (0.3, GREEN)),
            most=1,
        ),
    ]


def _shows_and_jobs() -> list[Json]:
    def by(labels: str, metric: str, state: str) -> str:
        inner = "show, state" if labels == "show" else "job_id, show, state"
        return f'sum by ({labels}) (max by ({inner}) ({metric}{{state=~"{state}"}}))'

    left = "unsent|waiting|running"
    frames = {"w": 70}
    job = "job_id, show"
    return [
        parts.table(
            "Shows",
            'Tonight\'s frames by show; "-" are jobs without a show.',
            [
                query(by("show", "douga_show_frames", ".*"), is_table=True),
                query(by("show", "douga_show_frames", "done"), is_table=True),
                query(by("show", "douga_show_frames", left), is_table=True),
                query(by("show", "douga_show_frames", "failed"), is_table=True),
            ],
            size=(9, 9),
            columns={
                "show": "show",
                "Value #A": "frames",
                "Value #B": "done",
                "Value #C": "left",
                "Value #D": "failed",
            },
            overrides=[_count_of(name, frames["w"]) for name in ("frames", "done", "left")]
            + [_failed_column()],
            sort_by=("left", True),
        ),
        parts.table(
            "Jobs",
            """The 50 jobs that run or moved last. "not all listed": their total still grows. `douga status
            JOB` says more of one.""",
            [
                query(by(job, "douga_job_frames", ".*"), is_table=True),
                query(
                    f"{by(job, 'douga_job_frames', 'done')} / ({by(job, 'douga_job_frames', '.*')} > 0)",
                    is_table=True,
                ),
                query(by(job, "douga_job_frames", left), is_table=True),
                query(by(job, "douga_job_frames", "failed"), is_table=True),
                query(f"1000 * max by ({job}) (douga_job_moved_timestamp_seconds)", is_table=True),
                query(f"max by ({job}) (douga_job_listed)", is_table=True),
            ],
            size=(15, 9),
            columns={
                "job_id": "job",
                "show": "show",
                "Value #A": "frames",
                "Value #B": "done",
                "Value #C": "left",
                "Value #D": "failed",
                "Value #E": "last moved",
                "Value #F": "listed",
            },
            overrides=[
                _count_of("frames", 80),
                parts.override(
                    "done",
                    unit="percentunit",
                    min=0,
                    max=1,
                    custom_cellOptions={"type": "gauge", "mode": "basic"},
                ),
                _count_of("left", 80),
                _failed_column(),
                parts.override("last moved", unit="dateTimeFromNow"),
                parts.override(
                    "listed", mappings=parts.words({0: ("not all listed", YELLOW), 1: ("all", GREEN)})
                ),
            ],
            sort_by=("left", True),
        ),
    ]


def _count_of(column: str, width: int) -> Json:
    return parts.override(column, unit="locale", custom_width=width)


def _failed_column() -> Json:
    return parts.override(
        "failed",
        unit="locale",
        thresholds=steps((None, "text"), (1, RED)),
        custom_cellOptions={"type": "color-text"},
        custom_width=70,
    )
