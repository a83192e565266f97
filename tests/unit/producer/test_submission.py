"""What a submission lists, counts and sends; what it does the second time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.producing import CLEAN, SCANS, STAGING, ProducerFarm

import douga_producer
from douga_producer import only_producer as locks
from douga_producer import sending, throttle
from douga_producer.feed import FeedProgress
from douga_producer.submission import Submission, submit
from douga_shared import object_keys
from douga_shared.errors import ConfigurationError, InputMissing, QueueUnreachable, Reason, StoreUnreachable
from douga_shared.jobs import PART_FRAMES, JobState, Priority, read_job
from douga_shared.object_store import FolderListing, MemoryStore
from douga_shared.recipe import LineWeight, Output, Vector


@pytest.fixture
def farm() -> ProducerFarm:
    """A farm in memory."""
    return ProducerFarm()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "PATIENCE_SECONDS", -1.0)


def names(count: int, first: int = 1) -> list[str]:
    """Names of scans in their order."""
    return [f"A{number:05d}.png" for number in range(first, first + count)]


def send(farm: ProducerFarm, source: str = SCANS, destination: str = CLEAN, **wishes: Any) -> Submission:
    """Submit on this farm."""
    return submit(source, destination, farm=farm.farm, **wishes)


def test_the_package_offers_submit_as_a_function() -> None:
    """`from douga_producer import submit` is the documented way."""
    assert submit is douga_producer.submit


def test_every_scan_is_recorded_counted_and_sent(farm: ProducerFarm) -> None:
    """In chunks, in the order of the drawings, under a job that knows all of them."""
    farm.scan(*names(40), "notes.txt")
    submission = send(farm)
    assert names(40) == farm.queue.scans
    assert [16, 16, 8] == [len(chunk.frames) for chunk in farm.queue.chunks]
    assert list(range(40)) == [frame.index for frame in farm.listed(submission.job_id)]
    standing = farm.jobs.standing(submission.job_id)
    assert standing is not None
    assert (40, True, 40) == (standing.total, standing.is_listed, standing.sent)
    assert (True, 40, 40) == (submission.is_new, submission.total, submission.sent)
    assert ["notes.txt"] == [entry.name for entry in submission.left_out]


def test_a_message_is_one_that_its_job_ordered(farm: ProducerFarm) -> None:
    """A worker compares the seal before it begins anything."""
    farm.scan("A1.png")
    job = read_job(farm.store(CLEAN), send(farm, outputs=["tga"], has_report=False).job_id)
    (chunk,) = farm.queue.chunks
    assert (job.seal, (Output.TGA,), False) == (chunk.seal, chunk.outputs, chunk.has_pictures)
    assert farm.jobs.begin(chunk.job_id, chunk.seal, [0]) is not None


def test_the_same_order_twice_is_free(farm: ProducerFarm) -> None:
    """Neither waiting nor finished frames are sent again."""
    farm.scan(*names(20))
    first = send(farm)
    again = send(farm)
    assert (first.job_id, False, 0, 20) == (again.job_id, again.is_new, again.sent, again.progress.known)
    farm.work(first.job_id)
    assert 0 == send(farm).sent
    assert [] == farm.queue.chunks


def test_another_job_over_frames_that_are_done_sends_nothing(farm: ProducerFarm) -> None:
    """Their done markers hold; the job is complete at once and asks for its account."""
    farm.scan(*names(20))
    farm.work(send(farm).job_id)
    part = send(farm, frames="5-10")
    assert (0, 6) == (part.sent, part.progress.done_before)
    standing = farm.jobs.standing(part.job_id)
    assert standing is not None
    assert standing.is_complete
    assert [part.job_id] == farm.queue.accounts[-1:]


def test_a_missing_drawing_is_drawn_again(farm: ProducerFarm) -> None:
    """A marker whose files are gone says nothing."""
    farm.scan(*names(3))
    farm.work(send(farm).job_id)
    farm.store(CLEAN).delete("A00002.svg")
    send(farm, frames="1-3")
    assert ["A00002.png"] == farm.queue.scans


def test_another_recipe_redoes_all_and_stops_the_older_job(farm: ProducerFarm) -> None:
    """Two recipes in one destination would overwrite each other."""
    farm.scan(*names(3))
    older = send(farm)
    newer = send(farm, strength=0.8)
    assert (3, (older.job_id,)) == (newer.sent, newer.superseded)
    assert JobState.SUPERSEDED is farm.jobs.state_of(older.job_id)


def test_a_recipe_can_have_a_destination_of_its_own(farm: ProducerFarm) -> None:
    """`{recipe}` keeps the drawings of every recipe; nobody is stopped."""
    farm.scan(*names(3))
    older, newer = (send(farm, destination=CLEAN + "{recipe}/", strength=value) for value in (0.2, 0.8))
    assert older.drawings != newer.drawings
    assert (3, ()) == (newer.sent, newer.superseded)


def test_a_finished_job_is_not_stopped_by_another_recipe(farm: ProducerFarm) -> None:
    """There is nothing to stop."""
    farm.scan(*names(3))
    farm.work(send(farm).job_id)
    assert () == send(farm, strength=0.8).superseded


def test_a_stopped_job_goes_on_when_it_is_ordered_again(farm: ProducerFarm) -> None:
    """Workers have dropped its chunks: what is not done is sent again."""
    farm.scan(*names(20))
    job_id = send(farm).job_id
    farm.draw(farm.listed(job_id)[:5], job_id)
    farm.jobs.set_state(job_id, JobState.CANCELLED)
    farm.queue.chunks.clear()
    assert 15 == send(farm).sent
    assert JobState.RUNNING is farm.jobs.state_of(job_id)


def test_new_scans_follow_on_those_before(farm: ProducerFarm) -> None:
    """They get further indexes; the others keep theirs."""
    farm.scan("A00002.png")
    job_id = send(farm).job_id
    farm.work(job_id)
    farm.scan("A00001.png", "A00003.png")
    assert 2 == send(farm).sent
    assert ["A00002.png", "A00001.png", "A00003.png"] == [frame.scan for frame in farm.listed(job_id)]
    assert [1, 2] == [frame.index for frame in farm.queue.frames]


def test_a_retake_is_done_again_under_its_index(farm: ProducerFarm) -> None:
    """Its new content is recorded, so that the third submission finds nothing to do."""
    farm.scan(*names(3))
    job_id = send(farm).job_id
    farm.work(job_id)
    farm.scan("A00002.png", data=b"retake")
    assert 1 == send(farm).sent
    assert [(1, "A00002.png")] == [(frame.index, frame.scan) for frame in farm.queue.frames]
    assert [1] == list(farm.jobs.unsettled(job_id))
    farm.work(job_id)
    assert 0 == send(farm).sent


def test_a_retake_that_was_cut_off_is_found_again(farm: ProducerFarm) -> None:
    """It is recorded after it was sent: whoever dies in between repeats it."""
    farm.scan(*names(3))
    farm.work(send(farm).job_id)
    farm.scan("A00002.png", data=b"retake")
    farm.queue.fails_after = 0
    with pytest.raises(QueueUnreachable):
        send(farm)
    farm.queue.fails_after = None
    assert 1 == send(farm).sent


def test_a_retake_of_a_failed_frame_takes_its_dead_letter_away(farm: ProducerFarm) -> None:
    """In the job store and in the store."""
    farm.scan("A1.png", "a1.tga", "B1.png")
    job_id = send(farm).job_id
    assert 2 == len(list(farm.store(CLEAN).list(object_keys.failed_markers(job_id))))
    farm.store(SCANS).delete("a1.tga")
    again = send(farm)
    assert ["B1.png", "A1.png"] == farm.queue.scans
    assert 1 == again.sent
    assert ["a1.tga"] == [letter.scan for letter in farm.jobs.dead_letters(job_id)]
    assert 1 == len(list(farm.store(CLEAN).list(object_keys.failed_markers(job_id))))


def test_rivals_for_one_drawing_are_dead_letters_at_once(farm: ProducerFarm) -> None:
    """Both name the other; nobody sends them; a second submission says nothing new."""
    farm.scan("A1.png", "a1.tga", "B1.png")
    submission = send(farm)
    assert ["B1.png"] == farm.queue.scans
    letters = {letter.scan: letter for letter in farm.jobs.dead_letters(submission.job_id)}
    assert {"A1.png", "a1.tga"} == set(letters)
    assert {Reason.NAME_COLLISION} == {letter.reason for letter in letters.values()}
    assert "'a1.tga'" in letters["A1.png"].message
    again = send(farm)
    assert (0, 0) == (again.sent, again.progress.rejected)


def test_a_rival_of_an_earlier_page_is_rejected_alone(farm: ProducerFarm) -> None:
    """What was sent cannot be called back; the message names it."""
    farm.scan("A-alpha.png", *names(PART_FRAMES + 5), "a-alpha.tga")
    submission = send(farm)
    (letter,) = farm.jobs.dead_letters(submission.job_id)
    assert ("a-alpha.tga", True) == (letter.scan, "'A-alpha.png'" in letter.message)
    assert "A-alpha.png" in farm.queue.scans


def test_a_rival_that_comes_later_does_not_stop_what_was_accepted(farm: ProducerFarm) -> None:
    """Its drawing may be done by now."""
    farm.scan("A1.png")
    job_id = send(farm).job_id
    farm.scan("A1.tga")
    assert 0 == send(farm).sent
    assert ["A1.tga"] == [letter.scan for letter in farm.jobs.dead_letters(job_id)]


def test_drawings_with_endings_of_each_other_collide_over_pages(farm: ProducerFarm) -> None:
    """`B.tga` gives `B-alpha.png` with png-alpha, as `B-alpha.tga` does with png."""
    farm.scan("B-alpha.tga", *(f"B-b{number:05}.png" for number in range(PART_FRAMES)), "B.tga")
    submission = send(farm, outputs=["png", "png-alpha"])
    assert ["B.tga"] == [letter.scan for letter in farm.jobs.dead_letters(submission.job_id)]


class SlowStore(MemoryStore):
    """A bucket that notes when its last page was asked for."""

    is_listed = False

    def folder_pages(self, folder: str = "", most: int = 1_000) -> Iterator[FolderListing]:
        yield from super().folder_pages(folder, most)
        self.is_listed = True


def test_the_first_chunk_leaves_before_the_listing_ends(farm: ProducerFarm) -> None:
    """A shot of 20,000 frames gives its first drawings within seconds."""
    store = farm.stores[SCANS] = SlowStore(dict.fromkeys(names(20_000), b""))
    seen: list[tuple[int, bool]] = []
    farm.queue.on_send = lambda: seen.append((len(farm.queue.chunks), store.is_listed))
    submission = send(farm)
    assert (False, 20_000) == (seen[0][1], submission.sent)
    assert seen[0][0] * 16 < 1_100


def test_full_parts_are_followed_by_an_empty_one(farm: ProducerFarm) -> None:
    """So the store alone says that the list is whole."""
    farm.scan(*names(PART_FRAMES))
    job_id = send(farm).job_id
    parts = [info.object_key for info in farm.store(CLEAN).list(object_keys.job_parts(job_id))]
    assert [object_keys.job_part(job_id, 0), object_keys.job_part(job_id, 1)] == parts
    assert b"[]" == farm.store(CLEAN).read(parts[1])


def test_parts_stay_full_when_pages_are_not(farm: ProducerFarm) -> None:
    """Files that are no scans make pages short; a part's place follows from a frame's index."""
    farm.scan(*(f"{number:05}.{kind}" for number in range(1_500) for kind in ("png", "txt")))
    job_id = send(farm).job_id
    assert list(range(1_500)) == [frame.index for frame in farm.listed(job_id)]
    sizes = [info.size_bytes for info in farm.store(CLEAN).list(object_keys.job_parts(job_id))]
    assert 2 == len(sizes)


def test_a_broker_that_goes_away_is_said_with_what_was_sent(farm: ProducerFarm) -> None:
    """And the same call goes on from there, without a gap and without doing much twice."""
    farm.scan(*names(3_000))
    farm.queue.fails_after = 64
    with pytest.raises(QueueUnreachable, match=r"1,0\d\d frames were sent; run the same command again"):
        send(farm)
    farm.queue.fails_after = None
    submission = send(farm)
    assert set(names(3_000)) == set(farm.queue.scans)
    assert len(farm.queue.frames) <= 3_000 + PART_FRAMES
    standing = farm.jobs.standing(submission.job_id)
    assert standing is not None
    assert (3_000, 3_000, True) == (standing.total, standing.sent, standing.is_listed)


class FailingStore(MemoryStore):
    """A store that is gone after some writes."""

    writes_left = 10**9

    def write(self, object_key: str, data: bytes) -> None:
        if self.writes_left <= 0:
            raise StoreUnreachable("the bucket does not answer")
        self.writes_left -= 1
        super().write(object_key, data)


@pytest.mark.parametrize("writes", range(1, 6))
def test_a_store_that_goes_away_leaves_nothing_that_the_same_call_cannot_mend(
    farm: ProducerFarm, writes: int
) -> None:
    """Wherever it stops: between record, parts and sending."""
    store = farm.stores[CLEAN] = FailingStore()
    farm.scan(*names(2_500), "A00001.tga")
    store.writes_left = writes
    with pytest.raises(StoreUnreachable, match="run the same command again"):
        send(farm)
    store.writes_left = 10**9
    job_id = send(farm).job_id
    assert set(names(2_500)) - {"A00001.png"} == set(farm.queue.scans)
    assert sorted(frame.index for frame in farm.listed(job_id)) == list(range(2_501))
    assert {"A00001.png", "A00001.tga"} == {letter.scan for letter in farm.jobs.dead_letters(job_id)}


def test_what_a_lost_redis_knew_is_rebuilt_first(farm: ProducerFarm) -> None:
    """Nothing is known of what was sent, so what is not done is sent again."""
    farm.scan(*names(20))
    job_id = send(farm).job_id
    farm.draw(farm.listed(job_id)[:5], job_id)
    farm.jobs.forget(job_id)
    farm.queue.chunks.clear()
    assert 15 == send(farm).sent
    assert list(range(5, 20)) == list(farm.jobs.unsettled(job_id))


def test_two_producers_do_it_one_after_the_other(farm: ProducerFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits, says so, and finds everything sent."""
    monkeypatch.setattr(locks, "_LOOK_SECONDS", 0.01)
    farm.scan(*names(3_000))
    waited = threading.Event()
    notes: list[str] = []
    second: list[Submission] = []

    def note(progress: FeedProgress) -> None:
        notes.append(progress.note)
        if progress.note:
            waited.set()

    thread = threading.Thread(target=lambda: second.append(send(farm, on_progress=note)))

    def begin_the_second() -> None:
        farm.queue.on_send = lambda: None
        thread.start()
        assert waited.wait(30)

    farm.queue.on_send = begin_the_second
    first = send(farm)
    thread.join(30)
    assert (3_000, 0, first.job_id) == (first.sent, second[0].sent, second[0].job_id)
    assert names(3_000) == farm.queue.scans
    assert f"another producer is submitting job {first.job_id}; waiting for it" in notes


def test_priority_and_show_are_no_other_order(farm: ProducerFarm) -> None:
    """Tonight's retake of the same job goes to another queue."""
    farm.scan("A1.png")
    first = send(farm)
    again = send(farm, priority="high", show="bebop")
    assert first.job_id == again.job_id
    standing = farm.jobs.standing(first.job_id)
    assert standing is not None
    assert (Priority.HIGH, "bebop") == (standing.job.priority, standing.job.show)


@pytest.mark.parametrize(
    "wishes", [{"has_report": False}, {"max_megapixels": 9.0}, {"frames": "1"}, {"outputs": ["tga"]}]
)
def test_what_the_seal_covers_is_another_order(farm: ProducerFarm, wishes: dict[str, Any]) -> None:
    """A job's messages must all be the same order."""
    farm.scan("A1.png")
    assert send(farm).job_id != send(farm, **wishes).job_id


def test_what_is_said_of_strokes_is_in_the_recipe(farm: ProducerFarm, tmp_path: Path) -> None:
    """The palette itself travels, not the name of its file."""
    farm.scan("A1.png")
    path = tmp_path / "show.toml"
    path.write_text('[[ink]]\nname = "sky"\nrecognise = "#40a0e0"\noutput = "#00ffff"\n')
    sent = send(farm, vector="both", line_weight="variable", palette=path, close_gaps_px=9, drop_specks_px=0)
    recipe = read_job(farm.store(CLEAN), sent.job_id).recipe
    assert (Vector.BOTH, LineWeight.VARIABLE) == (recipe.vector, recipe.line_weight)
    assert (["sky"], 9.0, 0.0) == (
        [i.name for i in recipe.palette],
        recipe.close_gaps_px,
        recipe.drop_specks_px,
    )


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"network": "slow"}, "--network 'slow'"),
        ({"strength": 2.0}, "strength 2.0"),
        ({"vector": "dots"}, "vector: 'dots'"),
        ({"line_weight": "thin"}, "--line-weight 'thin'"),
        ({"line_weight": 99.0}, "line weight 99"),
        ({"palette": "nosuch"}, "--palette 'nosuch'"),
        ({"close_gaps_px": -1.0}, "closed gap"),
        ({"outputs": ["jpg"]}, "outputs: 'jpg' is none of"),
        ({"outputs": []}, "outputs: nothing is named"),
        ({"precision": "fp8"}, "precision: 'fp8'"),
        ({"priority": "now"}, "priority: 'now'"),
        ({"frames": "x"}, "--frames"),
        ({"show": "Cowboy Bebop"}, "--show"),
        ({"base": SCANS}, "--base"),
        ({"destination": SCANS}, "holds the scans"),
        ({"destination": "ftp://x/"}, "ftp"),
        ({"source": "gopher://x/"}, "gopher"),
    ],
)
def test_an_order_that_cannot_be_meant_is_a_configuration_error(
    farm: ProducerFarm, wishes: dict[str, Any], said: str
) -> None:
    """Nothing is written or sent."""
    farm.scan("A1.png")
    with pytest.raises(ConfigurationError, match=said):
        send(farm, **wishes)
    assert [] == farm.queue.chunks
    assert () == farm.jobs.job_ids()


def test_a_source_without_scans_is_missing_input(farm: ProducerFarm) -> None:
    """It says what is there instead, and no job is recorded."""
    farm.scan("notes.txt")
    with pytest.raises(InputMissing, match=r"holds no scan. It holds 1 .txt"):
        send(farm)
    assert [] == list(farm.store(CLEAN).list())


def test_an_empty_source_stops_no_other_job(farm: ProducerFarm) -> None:
    """A typing error must not cost a night's work."""
    farm.scan("A1.png")
    job_id = send(farm).job_id
    with pytest.raises(InputMissing):
        send(farm, strength=0.9, frames="99")
    assert JobState.RUNNING is farm.jobs.state_of(job_id)


def test_places_that_workers_refuse_are_refused_here() -> None:
    """Where the producer is told of them."""
    farm = ProducerFarm(stores="s3://studio/cut012/")
    farm.scan("A1.png")
    assert 1 == send(farm).sent
    with pytest.raises(ConfigurationError, match="outside DOUGA_STORES"):
        send(farm, destination="s3://elsewhere/")


def test_a_single_scan_of_a_bucket_is_a_source(farm: ProducerFarm) -> None:
    """Its neighbours are none of the job's business."""
    farm.scan("A1.png", "A2.png")
    send(farm, source=SCANS + "A2.png")
    assert ["A2.png"] == farm.queue.scans
    assert SCANS == farm.queue.chunks[0].scans


def test_names_that_no_computer_expects_arrive_whole(farm: ProducerFarm) -> None:
    """Line breaks, quotes, dashes, kanji and accents are part of a name."""
    hostile = [
        "-rf.png",
        "a\nb.png",
        "原画 1.png",
        "q\"uo'te.png",
        "é.png",
        "%2e%2e.png",
        "$(x);.png",
        " .png",
    ]
    farm.scan(*hostile)
    job_id = send(farm).job_id
    assert set(hostile) == set(farm.queue.scans) == {frame.scan for frame in farm.listed(job_id)}


def test_waits_while_the_queue_is_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says so; goes on as workers empty it."""
    farm = ProducerFarm(most_waiting_frames=1_500)
    farm.scan(*names(4_000))
    notes: list[str] = []
    depths: list[int] = []

    def look_and_work(queue: str) -> int:
        depths.append(len(farm.queue.chunks))
        farm.queue.chunks.clear()
        return depths[-1]

    monkeypatch.setattr(farm.queue, "waiting_chunks", look_and_work)
    monkeypatch.setattr(throttle, "CHECK_SECONDS", 0.001)
    submission = send(farm, on_progress=lambda progress: notes.append(progress.note))
    assert 4_000 == submission.sent
    assert max(depths) * 16 <= 1_600
    assert "waiting: 1,008 frames are queued" in notes
    assert "" == notes[-1]


def test_staging_holds_nothing_of_a_job_in_a_bucket(farm: ProducerFarm) -> None:
    """Only scans of this machine are uploaded."""
    farm.scan("A1.png")
    send(farm)
    assert STAGING not in farm.stores
