"""What the workers do, and what they wait for: for whoever looks for the reason."""

from __future__ import annotations

from tools.dashboards import parts
from tools.dashboards.parts import (
    A_WORKER,
    GREEN,
    ORANGE,
    QUALITY,
    RED,
    TONIGHT,
    WORKERS,
    Json,
    quantiles,
    query,
    steps,
)

CHOSEN = 'instance=~"$worker"'
DCGM = "Empty without NVIDIA's dcgm-exporter (job dcgm in prometheus.yml)."


def workers() -> Json:
    """What the workers do, and what they wait for."""
    return parts.dashboard(
        WORKERS,
        "Douga: Workers",
        "What the workers do and what they wait for: stages, batches, GPUs, memory, versions.",
        [
            parts.row("Which workers"),
            *_which_workers(),
            parts.row("Where the time goes"),
            *_latencies(),
            parts.row("Batches"),
            *_batches(),
            parts.row("GPU"),
            *_gpu(),
            parts.row("Faults and what was tried again"),
            *_faults(),
            parts.row("Machines"),
            *_machines(),
        ],
        hours=6,
        links=[parts.link("Tonight", TONIGHT), parts.link("Quality", QUALITY)],
        variables=[parts.choice("worker", "Worker", "label_values(douga_worker_ready, instance)")],
    )


def _which_workers() -> list[Json]:
    return [
        parts.states(
            "Ready",
            """Each worker: ready (network loaded, queue and store answer, its loop turns), not ready, or a
            gap where it does not answer. `/readyz` on its port names what it lacks.""",
            [query(f"max by (instance) (douga_worker_ready{{{CHOSEN}}})", "{{instance}}")],
            size=(12, 8),
            mappings=parts.words({0: ("not ready", ORANGE), 1: ("ready", GREEN)}),
        ),
        parts.table(
            "Versions",
            """What each worker runs, and since when. Different versions in one farm are meant to be
            short-lived.""",
            [
                query(
                    f"""1000 * max by (instance, version, python) (
                    process_start_time_seconds{{{CHOSEN},{A_WORKER}}}
                    * on (instance) group_left (version, python) douga_build_info{{{CHOSEN},{A_WORKER}}})""",
                    is_table=True,
                )
            ],
            size=(6, 8),
            columns={"instance": "worker", "version": "Douga", "python": "Python", "Value": "since"},
            overrides=[parts.override("since", unit="dateTimeFromNow")],
            none="no worker",
        ),
        parts.table(
            "Networks",
            """The networks that each worker has used since it was started; the version is that of its
            weights.""",
            [
                query(
                    f"""max by (instance, network, version, precision, device)
                    (douga_network_info{{{CHOSEN}}})""",
                    is_table=True,
                )
            ],
            size=(6, 8),
            columns={
                "instance": "worker",
                "network": "network",
                "version": "weights",
                "precision": "precision",
                "device": "device",
            },
            none="no network used yet",
        ),
    ]


def _latencies() -> list[Json]:
    def quantile(share: float) -> list[Json]:
        expr = f"""histogram_quantile({share}, sum by (le, stage)
                   (rate(douga_stage_seconds_bucket{{{CHOSEN}}}[$__rate_interval])))"""
        return [query(expr, "{{stage}}")]

    hint = "Figures come from buckets and are rough between their bounds (0.005 to 180 s)."
    return [
        parts.series(
            "Stages, median",
            f"What one step of one frame takes, in half of the cases at most. {hint}",
            quantile(0.5),
            unit="s",
        ),
        parts.series(
            "Stages, 95 %",
            f"What one step of one frame takes, in 95 of 100 cases at most. {hint}",
            quantile(0.95),
            unit="s",
        ),
        parts.series(
            "Stages, 99 %",
            f"""What one step of one frame takes, in 99 of 100 cases at most. {hint} A step of more than
            DOUGA_FRAME_SECONDS (180 s) is given up.""",
            quantile(0.99),
            unit="s",
            thresholds=steps((None, GREEN), (180, RED)),
        ),
        parts.series(
            "Seconds a frame, by stage",
            """The mean of each stage, one on top of the other: where the time of a frame goes. Stages of
            different frames run side by side, so that their sum is more than the frame's share of the
            clock.""",
            [
                query(
                    f"""sum by (stage) (rate(douga_stage_seconds_sum{{{CHOSEN}}}[$__rate_interval]))
                    / (sum by (stage) (rate(douga_stage_seconds_count{{{CHOSEN}}}[$__rate_interval])) > 0)""",
                    "{{stage}}",
                )
            ],
            unit="s",
            is_stacked=True,
        ),
        parts.series(
            "From sent to begun",
            """How long chunks waited in the queue (by two machines' clocks). A night's batch waits for
            hours; what is of high priority must not.""",
            quantiles("douga_queue_wait_seconds", CHOSEN),
            unit="s",
        ),
        parts.series(
            "From sent to stored",
            "The age of frames when their drawings are stored (by two machines' clocks).",
            quantiles("douga_frame_age_seconds", CHOSEN),
            unit="s",
        ),
    ]


def _batches() -> list[Json]:
    return [
        parts.series(
            "Network busy, by worker",
            """Share of the time in which the network works. Low while sheets wait: the device is shared or
            stalls. Low while none waits: fetching or decoding cannot keep up, or there is no work.""",
            [
                query(
                    f"sum by (instance) (rate(douga_gpu_seconds_total{{{CHOSEN}}}[$__rate_interval]))",
                    "{{instance}}",
                )
            ],
            size=(6, 8),
            unit="percentunit",
            thresholds=steps((None, ORANGE), (0.3, GREEN)),
        ),
        parts.series(
            "Sheets that wait for the network",
            "0 for long while frames wait in the queue: the network waits for sheets, not the sheets for it.",
            [query(f"sum by (instance) (douga_network_waiting_sheets{{{CHOSEN}}})", "{{instance}}")],
            size=(6, 8),
        ),
        parts.series(
            "Sheets in a batch",
            "The mean of what went through the network in one pass. 1 means that hardly anything is batched.",
            [
                query(
                    f"""sum(rate(douga_batch_frames_sum{{{CHOSEN}}}[$__rate_interval]))
                    / (sum(rate(douga_batch_frames_count{{{CHOSEN}}}[$__rate_interval])) > 0)""",
                    "mean",
                )
            ],
            size=(6, 8),
        ),
        parts.series(
            "How full batches are",
            "Pixels of a batch as a share of what one pass may hold. Half empty batches waste a GPU.",
            [
                query(
                    f"""sum(rate(douga_batch_fill_ratio_sum{{{CHOSEN}}}[$__rate_interval]))
                    / (sum(rate(douga_batch_fill_ratio_count{{{CHOSEN}}}[$__rate_interval])) > 0)""",
                    "mean",
                )
            ],
            size=(6, 8),
            unit="percentunit",
            thresholds=steps((None, ORANGE), (0.5, GREEN)),
            most=1,
        ),
    ]


def _gpu() -> list[Json]:
    return [
        parts.series(
            "GPU memory, by Douga",
            """Used by anybody, reserved by the worker, and total, of each worker's GPU. Empty where networks
            run on the processor.""",
            [query(f"douga_gpu_memory_bytes{{{CHOSEN}}}", "{{instance}} {{kind}}")],
            size=(6, 8),
            unit="bytes",
            none="no GPU",
        ),
        parts.series(
            "Network seconds a frame",
            """The price of a frame in seconds of the device; times the price of a GPU's second it is the
            price in money.""",
            [
                query(
                    f"""sum by (device) (rate(douga_gpu_seconds_total{{{CHOSEN}}}[$__rate_interval])) / on ()
                    group_left ()
                    (sum(rate(douga_frames_total{{{CHOSEN},outcome="done"}}[$__rate_interval])) > 0)""",
                    "{{device}}",
                )
            ],
            size=(6, 8),
            unit="s",
        ),
        parts.series(
            "GPU utilisation",
            f"Time in which something runs on each GPU, and in which its tensor cores work. {DCGM}",
            [
                query("max by (Hostname, gpu) (DCGM_FI_DEV_GPU_UTIL) / 100", "{{Hostname}} {{gpu}}"),
                query(
                    "max by (Hostname, gpu) (DCGM_FI_PROF_PIPE_TENSOR_ACTIVE)",
                    "{{Hostname}} {{gpu}} tensor cores",
                ),
            ],
            size=(6, 8),
            unit="percentunit",
            none="no dcgm-exporter",
            most=1,
        ),
        parts.series(
            "GPU memory, by NVIDIA",
            f"Memory of each GPU that is used, by whomever. {DCGM}",
            [
                query("max by (Hostname, gpu) (DCGM_FI_DEV_FB_USED) * 1048576", "{{Hostname}} {{gpu}} used"),
                query("max by (Hostname, gpu) (DCGM_FI_DEV_FB_FREE) * 1048576", "{{Hostname}} {{gpu}} free"),
            ],
            size=(6, 8),
            unit="bytes",
            none="no dcgm-exporter",
        ),
        parts.series(
            "Energy a frame",
            f"Joules of all GPUs for each frame that is done. {DCGM}",
            [
                query(
                    """sum(rate(DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION[$__rate_interval])) / 1000
                    / (sum(rate(douga_frames_total{outcome="done"}[$__rate_interval])) > 0)""",
                    "joules",
                )
            ],
            size=(6, 8),
            unit="joule",
            none="no dcgm-exporter",
        ),
        parts.series(
            "GPU power",
            f"Watts of each GPU. {DCGM}",
            [query("max by (Hostname, gpu) (DCGM_FI_DEV_POWER_USAGE)", "{{Hostname}} {{gpu}}")],
            size=(6, 8),
            unit="watt",
            none="no dcgm-exporter",
        ),
        parts.series(
            "GPU temperature",
            f"A GPU that grows too hot slows itself down. {DCGM}",
            [query("max by (Hostname, gpu) (DCGM_FI_DEV_GPU_TEMP)", "{{Hostname}} {{gpu}}")],
            size=(6, 8),
            unit="celsius",
            thresholds=steps((None, GREEN), (85, RED)),
            none="no dcgm-exporter",
        ),
        parts.series(
            "GPU faults (XID)",
            f"""The number of the last fault of each GPU, 0 for none; NVIDIA lists them as XID errors. A
            machine with 79 (fallen off the bus) or 48 (memory) must be taken out of the farm. {DCGM}""",
            [query("max by (Hostname, gpu) (DCGM_FI_DEV_XID_ERRORS)", "{{Hostname}} {{gpu}}")],
            size=(6, 8),
            thresholds=steps((None, GREEN), (1, RED)),
            none="no dcgm-exporter",
        ),
    ]


def _faults() -> list[Json]:
    return [
        parts.series(
            "Calls to the store that failed",
            """After the client's own attempts. "unreachable": workers wait and ask again, no frame is lost;
            "refused": the store has something against this object, usually a missing right.""",
            [
                query(
                    f"""sum by (operation, fault)
                    (increase(douga_store_errors_total{{{CHOSEN}}}[$__rate_interval]))""",
                    "{{operation}} {{fault}}",
                )
            ],
            size=(6, 8),
            is_bars=True,
        ),
        parts.series(
            "Tried again",
            "What workers did once more: calls to the store, to the queue, batches that failed.",
            [
                query(
                    f"sum by (what) (increase(douga_retries_total{{{CHOSEN}}}[$__rate_interval]))", "{{what}}"
                )
            ],
            size=(6, 8),
            is_bars=True,
        ),
        parts.series(
            "Chunks, by what became of them",
            """"handed_back": their worker was told to stop (a normal end). "rejected": nobody can read them,
            or they are forged; `douga jobs --rejected` shows them.""",
            [
                query(
                    f"sum by (outcome) (increase(douga_chunks_total{{{CHOSEN}}}[$__rate_interval]))",
                    "{{outcome}}",
                )
            ],
            size=(6, 8),
            is_bars=True,
        ),
        parts.series(
            "Frames that came back",
            """Frames begun again because a worker died on them, frames sent into quarantine, messages put
            aside. A few after a machine was lost are normal; many mean that workers die.""",
            [
                query(
                    f"sum(increase(douga_redelivered_frames_total{{{CHOSEN}}}[$__rate_interval]))",
                    "begun again",
                ),
                query(
                    f"sum(increase(douga_quarantined_frames_total{{{CHOSEN}}}[$__rate_interval]))",
                    "quarantined",
                ),
                query(
                    f"sum(increase(douga_rejected_messages_total{{{CHOSEN}}}[$__rate_interval]))", "put aside"
                ),
            ],
            size=(6, 8),
            is_bars=True,
        ),
    ]


def _machines() -> list[Json]:
    of_workers = f"{CHOSEN},{A_WORKER}"
    return [
        parts.series(
            "Memory",
            """Memory of each worker's main process; the processes that decode and vectorise come on top
            (their limit is in docs/capacity.md). A line that only ever climbs is a leak; please report
            it.""",
            [query(f"process_resident_memory_bytes{{{of_workers}}}", "{{instance}}")],
            size=(6, 8),
            unit="bytes",
        ),
        parts.series(
            "Processors",
            "Processors that each worker's main process keeps busy; 1 is one of them.",
            [query(f"rate(process_cpu_seconds_total{{{of_workers}}}[$__rate_interval])", "{{instance}}")],
            size=(6, 8),
        ),
        parts.series(
            "To and from the store",
            "Bytes of scans, drawings, pictures and records a second.",
            [
                query(
                    f"sum by (direction) (rate(douga_bytes_total{{{CHOSEN}}}[$__rate_interval]))",
                    "{{direction}}",
                )
            ],
            size=(6, 8),
            unit="Bps",
        ),
        parts.series(
            "Since a worker last settled a frame",
            "A worker that stands still while others move shows here first. No line before its first frame.",
            [query(f"time() - (douga_last_progress_timestamp_seconds{{{CHOSEN}}} > 0)", "{{instance}}")],
            size=(6, 8),
            unit="s",
        ),
        parts.series(
            "The queue's memory",
            """Memory of the Redis that holds queue and jobs, and how much it may use. Full: producers end
            with exit code 5, workers go on.""",
            [query("max by (kind) (douga_broker_memory_bytes)", "{{kind}}")],
            size=(6, 8),
            unit="bytes",
        ),
        parts.series(
            "Reading the farm's figures",
            """How long the exporter takes for them. More than Prometheus' time-out of 10 s, and they are
            absent.""",
            [query("max(douga_exporter_read_seconds)", "seconds")],
            size=(6, 8),
            unit="s",
            thresholds=steps((None, GREEN), (5, ORANGE), (10, RED)),
        ),
        parts.series(
            "Jobs that are remembered",
            """By what becomes of them. "unaccounted": all frames are settled and the manifest is not written
            yet; that takes seconds, and a worker that serves the queue cpu.""",
            [query("max by (state) (douga_jobs)", "{{state}}")],
            size=(12, 8),
        ),
    ]
