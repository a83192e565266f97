"""Submitting to a real queue and a real bucket: nothing twice, nothing lost, whatever stops it."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.s3_server import SeaweedS3
from tests.servers import Valkey, wait_until

from douga_producer import sending, throttle
from douga_producer.client import Farm, open_farm
from douga_producer.feed import FeedProgress
from douga_producer.reconcile import reconcile, resume
from douga_producer.submission import Submission, submit
from douga_shared.broker import Sender, make_app, queue_name
from douga_shared.errors import ExitCode, QueueUnreachable, Reason
from douga_shared.job_store.redis import open_job_store
from douga_shared.jobs import Job, JobFrame, read_parts
from douga_shared.messages import decode_chunk
from douga_shared.object_store import MemoryStore, ObjectStore
from douga_shared.object_store.s3 import close_connections
from douga_shared.queue_inspection import waiting_messages
from douga_shared.settings import Settings, TransportKind, read_settings

SCANS, CLEAN = "s3://studio/cut012/scan/", "s3://studio/cut012/clean/"


def names(count: int) -> list[str]:
    """Names of scans in their order."""
    return [f"A{number:05d}.png" for number in range(count)]


class Site:
    """A studio's machine: its settings, and a bucket of its own."""

    def __init__(self, valkey: Valkey, s3_server: SeaweedS3, prefix: str) -> None:
        root = f"s3://frames/{prefix.strip('/')}/"
        self.valkey = valkey
        self._started: list[subprocess.Popen[str]] = []
        self.scans, self.clean, self.staging = f"{root}scan/", f"{root}clean/", f"{root}staging/"
        self.environment = {
            "DOUGA_BROKER_URL": valkey.url,
            "DOUGA_FARM": f"submit-{secrets.token_hex(4)}",
            "DOUGA_STAGING": self.staging,
            **s3_server.settings,
        }

    @property
    def settings(self) -> Settings:
        """What its environment says."""
        return read_settings(self.environment)

    @contextmanager
    def farm(self) -> Iterator[Farm]:
        """The farm as its programs see it."""
        with open_farm(self.settings) as farm:
            yield farm

    def scan(self, *scans: str, data: bytes = b"pencil") -> None:
        """Put scans into the bucket."""
        with self.farm() as farm:
            store = farm.open_store(self.scans)
            for name in scans:
                store.write(name, data)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start ``douga`` there."""
        process = subprocess.Popen(
            [sys.executable, "-m", "douga_producer", *arguments],
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def close(self) -> None:
        """End what a failed test left running."""
        for process in self._started:
            process.kill()
            process.communicate()
        close_connections()

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run ``douga`` to its end: exit code, what it printed, what it said aside."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err


@pytest.fixture
def site(valkey: Valkey, s3_server: SeaweedS3, s3_prefix: str) -> Iterator[Site]:
    """See ``Site``."""
    with closing(Site(valkey, s3_server, s3_prefix)) as site:
        yield site


def queued(valkey: Valkey, settings: Settings, show: str = "") -> list[JobFrame]:
    """Every frame in a queue, in the order in which workers get them; each message is one a worker takes."""
    with valkey.client() as client:
        client.connection_pool.connection_kwargs["decode_responses"] = False
        messages = list(waiting_messages(client, [queue_name(show)], f"{settings.farm}:"))
    chunks = [decode_chunk(message.args[0]) for message in messages]
    return [frame for chunk in reversed(chunks) for frame in chunk.frames]


def test_a_bucket_is_submitted_once_however_often_it_is_ordered(site: Site) -> None:
    """Then a retake and a new drawing; and the queue can say what is in it."""
    site.scan(*names(40), "notes.txt")
    with site.farm() as farm:
        first = submit(site.scans, site.clean, farm=farm)
        again = submit(site.scans, site.clean, farm=farm)
        assert (40, 0, first.job_id) == (first.sent, again.sent, again.job_id)
        assert names(40) == [frame.scan for frame in queued(site.valkey, site.settings)]
        standing = farm.jobs.standing(first.job_id)
        assert standing is not None
        assert frozenset(range(40)) == farm.sender.queued_frames(standing.job)
        assert 3 == farm.sender.waiting_chunks(queue_name())

        site.scan("A00007.png", data=b"retake")
        site.scan("B00001.png")
        third = submit(site.scans, site.clean, farm=farm)
        assert (2, 41) == (third.sent, third.total)
        assert [40, 7] == [frame.index for frame in queued(site.valkey, site.settings)[-2:]]
        listed = [frame for part in read_parts(farm.open_store(site.clean), first.job_id) for frame in part]
        etag = farm.open_store(site.scans).stat("A00007.png")
        assert etag is not None
        assert (list(range(41)), etag.etag) == ([frame.index for frame in listed], listed[7].etag)


def test_two_producers_at_once_send_every_frame_once(site: Site) -> None:
    """Each with connections of its own, as on two machines."""
    site.scan(*names(60))
    done: list[Submission] = []

    def produce() -> None:
        with open_farm(site.settings) as farm:
            done.append(submit(site.scans, site.clean, farm=farm))

    producers = [threading.Thread(target=produce) for _ in range(2)]
    for producer in producers:
        producer.start()
    for producer in producers:
        producer.join(60)
    assert [0, 60] == sorted(submission.sent for submission in done)
    assert names(60) == [frame.scan for frame in queued(site.valkey, site.settings)]


def test_names_that_no_computer_expects_arrive_whole(site: Site) -> None:
    """Through listing, JSON, queue and back; what S3 itself cannot list in XML is not tried."""
    hostile = {"-rf.png", "原画 1.png", "q\"uo'te.png", "é.png", "%2e%2e.png", "$(x);.png", "a+b&c=d.png"}
    site.scan(*hostile)
    with site.farm() as farm:
        submit(site.scans, site.clean, farm=farm)
    assert hostile == {frame.scan for frame in queued(site.valkey, site.settings)}


def test_a_local_folder_is_uploaded_once(site: Site, tmp_path: Path) -> None:
    """And rivals are dead letters whose reason lies in the bucket."""
    for name in ("A1.png", "A2.png", "a2.tga"):
        (tmp_path / name).write_bytes(name.encode())
    code, out, err = site.run("submit", str(tmp_path), site.clean)
    assert ExitCode.OK == code, err
    assert "2 scans uploaded" not in err
    assert "1 scans uploaded" in err
    job_id = out.splitlines()[-1]
    with site.farm() as farm:
        staged = list(farm.open_store(site.staging).list())
        letters = list(farm.jobs.dead_letters(job_id))
    assert (1, {Reason.NAME_COLLISION}, 2) == (len(staged), {entry.reason for entry in letters}, len(letters))
    code, out, err = site.run("submit", str(tmp_path), site.clean)
    assert (ExitCode.OK, job_id) == (code, out.splitlines()[-1])
    assert "scans uploaded" not in err
    assert ["A1.png"] == [frame.scan for frame in queued(site.valkey, site.settings)]


def test_the_last_line_is_the_job_for_scripts(site: Site) -> None:
    """Alone on standard output; everything for people is on standard error."""
    site.scan(*names(3), "notes.txt")
    code, out, err = site.run("submit", site.scans, site.clean, "--frames", "1-2", "--priority", "high")
    assert (ExitCode.OK, 1) == (code, len(out.splitlines()))
    assert "2 frames: 2 sent." in err
    assert "left out: notes.txt: not a scan: .txt" in err
    with site.farm() as farm:
        assert (out.strip(),) == farm.jobs.job_ids()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["{scans}", "{clean}"], ExitCode.INPUT_MISSING, "holds no scan"),
        (["{scans}", "{scans}"], ExitCode.USAGE, "holds the scans"),
        (["{scans}", "{clean}", "--outputs", "jpg"], ExitCode.USAGE, "'jpg'"),
        (["{scans}", "s3://frames-of-nobody/"], ExitCode.INPUT_MISSING, "frames-of-nobody"),
    ],
)
def test_what_cannot_work_is_said_with_its_exit_code(
    site: Site, arguments: list[str], code: ExitCode, said: str
) -> None:
    """The contract with render farms."""
    if "nobody" in arguments[1]:
        site.scan("A1.png")
    filled = [word.format(scans=site.scans, clean=site.clean) for word in arguments]
    answer, out, err = site.run("submit", *filled)
    assert (code, "") == (answer, out), err
    assert said in err.splitlines()[-1]
    assert "Traceback" not in err


class Counted:
    """A farm whose buckets are in memory, so that thousands of frames take no time; the queue is real."""

    def __init__(self, valkey: Valkey, **settings: object) -> None:
        self.stores: dict[str, MemoryStore] = {}
        options = {"farm": f"submit-{secrets.token_hex(4)}", "broker_url": valkey.url, **settings}
        self.settings = Settings(**options)  # type: ignore[arg-type]
        self.valkey = valkey

    @contextmanager
    def farm(self) -> Iterator[Farm]:
        """Open it, impatient with the job store."""

        def open_store(url: str, create: bool) -> ObjectStore:
            return self.stores.setdefault(url, MemoryStore())

        with (
            closing(open_job_store(self.settings, patience_seconds=0.2)) as jobs,
            make_app(self.settings) as app,
        ):
            yield Farm(self.settings, Sender(app, self.settings), jobs, open_store)

    def scan(self, count: int) -> None:
        """Put scans into the source."""
        self.stores[SCANS] = MemoryStore(dict.fromkeys(names(count), b""))


@pytest.mark.parametrize("transport", list(TransportKind))
def test_twenty_thousand_frames_stream(valkey: Valkey, transport: TransportKind) -> None:
    """The queue holds the first ones long before the listing has ended; all of them in order at the end."""
    site = Counted(valkey, transport=transport)
    site.scan(20_000)
    seen: list[FeedProgress] = []
    with site.farm() as farm:
        submission = submit(SCANS, CLEAN, farm=farm, on_progress=seen.append)
        first = next(progress for progress in seen if progress.sent)
        assert (True, 20_000) == (first.listed <= 1_000, submission.sent)
        assert names(20_000) == [frame.scan for frame in queued(valkey, site.settings)]


def test_a_broker_that_dies_in_the_middle_is_gone_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was recorded keeps its place, what was sent is not sent again but for the page in the works."""
    monkeypatch.setattr(sending, "PATIENCE_SECONDS", -1.0)
    with Valkey(tmp_path) as valkey:
        site = Counted(valkey)
        site.scan(5_000)

        def kill(progress: FeedProgress) -> None:
            if progress.sent >= 2_000:
                valkey.kill()

        with site.farm() as farm:
            with pytest.raises(QueueUnreachable, match="2,000 frames were sent; run the same command again"):
                submit(SCANS, CLEAN, farm=farm, on_progress=kill)
            valkey.start()
            submission = submit(SCANS, CLEAN, farm=farm)
            standing = farm.jobs.standing(submission.job_id)
        assert standing is not None
        assert (5_000, 5_000, True) == (standing.total, standing.sent, standing.is_listed)
        frames = [frame.scan for frame in queued(valkey, site.settings)]
        assert (set(names(5_000)), True) == (set(frames), len(frames) <= 6_000)


def test_a_broker_that_restarts_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to run anything again."""
    monkeypatch.setattr(sending, "_PAUSE_SECONDS", 0.05)
    with Valkey(tmp_path) as valkey:
        site = Counted(valkey)
        site.scan(3_000)
        starters: list[threading.Thread] = []

        def note(progress: FeedProgress) -> None:
            if progress.note.startswith("waiting: the broker") and not starters:
                starters.append(threading.Thread(target=valkey.start))
                starters[0].start()

        with site.farm() as farm:
            send_chunks = farm.sender.send_chunks

            def send_and_die(chunks: object, job: Job) -> None:
                if not starters and valkey.is_answering():
                    valkey.kill()
                send_chunks(chunks, job)  # type: ignore[arg-type]

            monkeypatch.setattr(farm.sender, "send_chunks", send_and_die)
            submission = submit(SCANS, CLEAN, farm=farm, on_progress=note)
            starters[0].join()
        assert 3_000 == submission.sent
        assert set(names(3_000)) == {frame.scan for frame in queued(valkey, site.settings)}


def test_a_deep_queue_holds_the_producer_back(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on as fast as workers empty it, and never overfills it."""
    monkeypatch.setattr(throttle, "CHECK_SECONDS", 0.01)
    site = Counted(valkey, most_waiting_frames=2_000)
    site.scan(6_000)
    redis_key = f"{site.settings.farm}:{queue_name()}"
    deepest = 0

    def note(progress: FeedProgress) -> None:
        nonlocal deepest
        with valkey.client() as client:
            deepest = max(deepest, client.llen(redis_key))
            if progress.note.startswith("waiting: "):
                client.rpop(redis_key, 50)

    with site.farm() as farm:
        submission = submit(SCANS, CLEAN, farm=farm, on_progress=note)
    assert (6_000, True) == (submission.sent, 60 < deepest <= 2_000 / 16 + 2)


@pytest.mark.parametrize("transport", list(TransportKind))
def test_what_a_flushed_redis_took_along_is_sent_again(tmp_path: Path, transport: TransportKind) -> None:
    """By the destination, from the store's own records."""
    with Valkey(tmp_path) as valkey:
        site = Counted(valkey, transport=transport)
        site.scan(100)
        with site.farm() as farm:
            job_id = submit(SCANS, CLEAN, farm=farm).job_id
            with valkey.client() as client:
                client.flushall()
            resumed = resume(farm, CLEAN)
            assert (job_id, 100, True) == (resumed.job_id, resumed.sent, resumed.is_rebuilt)
            assert names(100) == [frame.scan for frame in queued(valkey, site.settings)]
            assert [True] == [looked.is_idle for looked in reconcile(farm)]


def test_messages_that_somebody_took_are_found_missing(valkey: Valkey) -> None:
    """The reconciler sends exactly those."""
    site = Counted(valkey)
    site.scan(100)
    with site.farm() as farm:
        submit(SCANS, CLEAN, farm=farm)
        with valkey.client() as client:
            client.rpop(f"{site.settings.farm}:{queue_name()}", 2)
        assert [32] == [resumed.sent for resumed in reconcile(farm)]
        assert set(names(100)) == {frame.scan for frame in queued(valkey, site.settings)}


@pytest.mark.parametrize(
    ("sign", "code"), [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)]
)
def test_an_interrupted_submission_says_how_to_go_on(
    site: Site, sign: signal.Signals, code: ExitCode
) -> None:
    """While it waits for a deep queue; the lock is given back, so the next one begins at once."""
    site.environment |= {"DOUGA_MOST_WAITING_FRAMES": "10", "DOUGA_CHUNK_FRAMES": "1"}
    site.scan(*names(12))
    submit_more = ["submit", site.scans, site.clean]
    code_before, _, err = site.run(*submit_more)
    assert ExitCode.OK == code_before, err
    site.scan("B1.png")
    process = site.start(*submit_more)
    with site.farm() as farm:
        (job_id,) = farm.jobs.job_ids()

        def is_recorded() -> bool:
            standing = farm.jobs.standing(job_id)
            return standing is not None and standing.total == 13

        wait_until(is_recorded, "the new frame is recorded")
        process.send_signal(sign)
        out, err = process.communicate(timeout=60)
        assert (code, "") == (process.returncode, out), err
        assert "0 frames were sent; run the same command again to go on." in err
        assert farm.jobs.take_lock(f"submit:{job_id}", "the next", 1.0)


def test_a_hot_folder_is_watched_until_sigterm(site: Site, tmp_path: Path) -> None:
    """The command prints the job when it begins, and ends with 0."""
    process = site.start("watch", str(tmp_path), site.clean, "--every", "0.1")
    (tmp_path / "A1.png").write_bytes(b"scan")
    with site.farm() as farm:
        wait_until(lambda: len(farm.jobs.job_ids()) == 1, "the job is opened")
        wait_until(lambda: len(queued(site.valkey, site.settings)) == 1, "the scan is sent")
        (tmp_path / "A2.png").write_bytes(b"another")
        wait_until(lambda: len(queued(site.valkey, site.settings)) == 2, "the second scan is sent")
        (job_id,) = farm.jobs.job_ids()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (ExitCode.OK, [job_id]) == (process.returncode, out.splitlines()), err
