"""The same rows on Ray Data: workers on one machine or many hold the model, results come back into the same journal.

The files are hashed here, and what has a result is not asked again. The workers open the files by the same paths, so
on several machines these lie in a folder that all of them see. A worker that dies is replaced, and its rows run again.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import SviqaError
from .progress import Control, Meter, Progress, Tell
from .reading import Prepared, Settings, Work, hash_model
from .runner import Spoken, Writing, answer, may_go_on

LOCAL = "local"
"""The address of a cluster that is started on this machine, for this run alone."""

THREADS = 8  # that hash files
BLOCK = 128  # rows that go to a worker together, and run again together where it dies

Ray = Any  # the module
Block = dict[str, Any]


class Worker:
    """Holds the model in a process of its own, on any machine."""

    def __init__(self, model: str, settings: Settings, thumbnails: int, cores: int) -> None:
        import torch

        from ..checkpoints.native import find_model
        from ..engine.end_to_end import EndToEnd
        from .opening import Opener

        torch.set_num_threads(cores)
        folder = find_model(model)
        if hash_model(folder, settings.speak) != settings.model:
            raise SviqaError(f"Another {model} is installed on a machine of the cluster.", "Install the same on all.")
        self._engine, self._speak = EndToEnd.load(folder), settings.speak
        self._opener = Opener(self._engine, thumbnails)

    def __call__(self, block: Block) -> Block:
        """Rows in, each row with what came of it out; all of them pickled."""
        rows = self._opener.open([pickle.loads(row) for row in block["row"]])
        spoken = answer(self._engine, rows, self._speak)
        return {"row": [pickle.dumps((row.closed(), one)) for row, one in zip(rows, spoken, strict=True)]}


def run(work: Work, address: str, model: str, control: Control, tell: Tell, workers: int = 0) -> Progress:
    """Ask what is planned and has no result yet, on so many `workers`, 0 for one on each core of the cluster.

    Raises SviqaError where Ray or the cluster is not there, and OutputError where results cannot be written.
    """
    meter = Meter(work.journal.count(), tell)
    alike = Counter[bytes]()  # rows by their keys, of those to be asked
    with _cluster(address) as ray, Writing(work.journal, work.sounds) as writing:
        rows = _to_ask(work, alike, writing, meter, control)
        blocks = [ray.put(_table(some)) for some in iter(lambda: list(islice(rows, BLOCK)), [])]
        meter.step("asking")
        answered = _answered(ray, blocks, work, model, workers)
        while may_go_on(control, meter) and (some := next(answered, None)):
            writing.put([row for row, _ in some], [spoken for _, spoken in some])
            done = {result.key: alike[result.key] for _, (result, _) in some}
            failed = sum(done[result.key] for _, (result, _) in some if result.error is not None)
            meter.add(done=sum(done.values()), kept=0, failed=failed)
        answered.close()
    return meter.progress


def _to_ask(work: Work, alike: Counter[bytes], writing: Writing, meter: Meter, control: Control) -> Iterator[Prepared]:
    """The rows that have no result, once each; the keys of all are written, and those done by now are counted."""
    with closing(work.reader.read(THREADS)) as rows:
        while not control.stopped and (some := list(islice(rows, BLOCK))):
            writing.put(some, [])
            kept = [row for row in some if row.state != "new"]
            meter.add(done=len(kept), kept=len(kept), failed=sum(row.state == "failed" for row in kept))
            for row in some:
                if row.state == "new":
                    alike[row.key] += 1
                    if alike[row.key] == 1:
                        yield _portable(row)


def _portable(row: Prepared) -> Prepared:
    """A row as another process understands it, wherever that works."""
    speech = row.speech and str(Path(row.speech).absolute())
    return replace(row, picture=str(Path(row.picture).absolute()), speech=speech, files=[])


def _table(rows: list[Prepared]) -> Any:
    return import_module("pyarrow").table({"row": [pickle.dumps(row) for row in rows]})


def _answered(
    ray: Ray, blocks: list[Any], work: Work, model: str, workers: int
) -> Generator[list[tuple[Prepared, Spoken]], None, None]:
    """What comes back of each block, in any order. Raises SviqaError where the cluster gives up."""
    if not blocks:
        return
    cores = int(ray.cluster_resources().get("CPU", 1))
    workers = min(workers or cores, len(blocks))
    share = max(1, cores // workers)
    asked = ray.data.from_arrow_refs(blocks).map_batches(
        Worker,
        fn_constructor_args=(model, work.reader.settings, work.thumbnails, share),
        batch_size=None,
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=min(share, cores / workers),
    )
    try:
        for block in asked.iter_batches(batch_size=None):
            yield [pickle.loads(row) for row in block["row"]]
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, SviqaError):
            raise cause from error
        what = str(error).strip().splitlines()[-1]
        raise SviqaError(f"The cluster could not go on ({what}).", "Resume, or run without --ray.") from error


@contextmanager
def _cluster(address: str) -> Iterator[Ray]:
    """Ray, connected to a cluster; one on this machine is gone afterwards. Raises SviqaError."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        ray, data = import_module("ray"), import_module("ray.data")
    except ImportError as error:
        raise SviqaError("Ray is not installed.", "Install it: pip install 'sviqa[ray]'.") from error
    options = {"include_dashboard": False} if address == LOCAL else {}
    try:
        _knock(address)
        ray.init(address=address, logging_level="error", log_to_driver=False, **options)
    except (OSError, RuntimeError, ValueError) as error:  # OSError: ConnectionError and the like
        raise SviqaError(f"There is no Ray cluster at {address}.", "Check the address, or give --ray alone.") from error
    data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield ray
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raises OSError where nobody answers at host:port, which Ray would go on trying for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host:
        socket.create_connection((host, int(port)), timeout=10).close()
