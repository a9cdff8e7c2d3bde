"""What a chart shows of a run, however long it is: a few points of each metric.

The coarsest level that is fine enough is read in whole blocks, which the process remembers. Where
no block is written yet, and at ends within a bucket, what a block would hold is put together from
the levels below, and in the end from the rows. So an answer is the same whether a block was
written already or not: ``envelope`` of the points of the range, thinned to the level's buckets.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy.orm import Session

from fade_server.queries import runs as run_queries
from fade_server.queries.runs import RunRow
from fade_server.services.blocks import NOTHING, Block, Blocks, Memory, Place, run_key, tabulate
from fade_server.services.downsample import Curve, envelope, joined, thin
from fade_server.services.folding import Part, fold
from fade_server.services.levels import (
    BUCKETS,
    FEW_ROWS,
    Piece,
    block_steps,
    bucket_steps,
    level_for,
    plan,
    read_level,
    written,
)
from fade_server.services.metrics import Metric
from fade_server.services.points import Curves, read_points


class Charts:
    """Reads metrics of one run, as it is at one moment.

    Args:
        session: Open session, which has read the run.
        memory: Where blocks are remembered.
        run: The run.
        metrics: What to read.
    """

    def __init__(
        self, session: Session, memory: Memory, run: RunRow, metrics: Sequence[Metric]
    ) -> None:
        self._session, self._memory, self._run, self._metrics = session, memory, run, metrics
        self._names = [metric.name for metric in metrics]
        self._key = run_key(run)
        # A schedule is stored at the step that it is for, one later than what it came from.
        self._newest = -1 if run.last_step is None else run.last_step + 1
        self._begun, self._end = (0, 0) if run.last_step is None else self._extent()

    def read(self, first: int, last: int, points: int) -> Curves:
        """Return at most ``points`` points of each metric.

        Args:
            first: First step, inclusive.
            last: Last step, inclusive.
            points: Most points a metric.
        """
        high = min(last, self._newest)
        few = self._run.step_count <= FEW_ROWS
        level = 0 if few else level_for(high - max(first, self._begun) + 1, points)
        if level == 0:
            curves = read_points(self._session, self._run.pk, self._metrics, first, high)
            return {name: envelope(*curve, points) for name, curve in curves.items()}
        return fold(list(self._parts(level, first, high)), self._names, points)

    def _extent(self) -> tuple[int, int]:
        """Return the first step, and the step that everything below is in blocks of level 1."""
        known = self._memory.extent(self._key)
        # Blocks are only added, so an older end is as true, and near enough until one is full.
        if known is None or self._newest - known[1] >= block_steps(1):
            pk = self._run.pk
            begun = run_queries.shown_parts(self._session, pk, 0, self._newest)[0][1]
            known = begun, written(self._session, pk)
            self._memory.keep_extent(self._key, known)
        return known

    def _parts(self, level: int, first: int, last: int) -> Iterator[Part]:
        """Yield what a level has of the steps in [first, last], in order."""
        width = bucket_steps(level)
        # Nothing is before the first step and behind the last, so their buckets are whole.
        low = max(first, self._begun // width * width)
        high = (self._newest // width + 1) * width - 1 if last == self._newest else last
        start, stop = -(-low // width), (high + 1) // width
        if low < start * width:
            yield self._edge(level, low, start * width - 1)
        yield from self._whole(level, start, stop)
        if stop * width <= high:
            yield self._edge(level, stop * width, high)

    def _edge(self, level: int, low: int, high: int) -> Part:
        """Return the part of one bucket."""
        width = bucket_steps(level)
        blocks = self._assembled(level, low, high, self._names, 1)
        return Part(blocks, low // width, 0, 1, width)

    def _whole(self, level: int, start: int, stop: int) -> Iterator[Part]:
        """Yield the buckets from ``start`` to before ``stop``."""
        for block, blocks in self._blocks(level, start // BUCKETS, -(-stop // BUCKETS)).items():
            first = block * BUCKETS
            ends = max(start - first, 0), min(stop - first, BUCKETS)
            yield Part(blocks, first, *ends, bucket_steps(level))

    def _blocks(self, level: int, low: int, high: int) -> dict[int, Blocks]:
        """Return the blocks from ``low`` to before ``high``, of every metric."""
        places = {block: self._place(level, block) for block in range(low, high)}
        found = {block: self._memory.get(place) for block, place in places.items()}
        lacking = {
            block: names
            for block, known in found.items()
            if (names := [name for name in self._names if name not in known])
        }
        width = block_steps(level)
        stored = [block for block in lacking if (block + 1) * width <= self._end]
        fresh = self._stored(level, lacking, stored) if stored else {}
        for block, names in lacking.items():
            if block not in fresh:
                begin, end = block * width, min((block + 1) * width - 1, self._newest)
                fresh[block] = self._assembled(level, begin, end, names, BUCKETS)
            found[block] = self._memory.keep(places[block], fresh[block])
        return found

    def _place(self, level: int, block: int) -> Place:
        full = (block + 1) * block_steps(level) <= self._newest
        return Place(self._key, level, block, -1 if full else self._newest)

    def _stored(
        self, level: int, lacking: Mapping[int, Sequence[str]], blocks: Sequence[int]
    ) -> dict[int, Blocks]:
        """Return what these written blocks lack, read at once."""
        names = sorted({name for block in blocks for name in lacking[block]})
        read = read_level(self._session, self._run.pk, level, blocks[0], blocks[-1], names)
        curves = {(block, name): one for name, some in read.items() for block, one in some}
        keys = [(block, name) for block in blocks for name in lacking[block]]
        tabulated = tabulate(
            [curves.get(key, NOTHING) for key in keys],
            [block * BUCKETS for block, _ in keys],
            bucket_steps(level),
            BUCKETS,
        )
        found: dict[int, dict[str, Block]] = {block: {} for block in blocks}
        for (block, name), one in zip(keys, tabulated, strict=True):
            found[block][name] = one
        return dict(found)

    def _assembled(
        self, level: int, low: int, high: int, names: Sequence[str], buckets: int
    ) -> Blocks:
        """Return what a level would have of the steps in [low, high]."""
        width = bucket_steps(level)
        metrics = [metric for metric in self._metrics if metric.name in names]
        read = [self._piece(piece, metrics) for piece in plan(low, high, level - 1, self._end)]
        curves = [thin(*joined([one.get(name, NOTHING) for one in read]), width) for name in names]
        tabulated = tabulate(curves, [low // width] * len(names), width, buckets)
        return dict(zip(names, tabulated, strict=True))

    def _piece(self, piece: Piece, metrics: Sequence[Metric]) -> Mapping[str, Curve]:
        if piece.level == 0 and piece.high == self._newest and piece.low % block_steps(1) == 0:
            return self._rows(piece.low, metrics)
        if piece.level == 0:
            return read_points(self._session, self._run.pk, metrics, piece.low, piece.high)
        low, high = (end // block_steps(piece.level) for end in (piece.low, piece.high))
        names = [metric.name for metric in metrics]
        read = read_level(self._session, self._run.pk, piece.level, low, high, names)
        found = {}
        for name, blocks in read.items():
            steps, values = joined([curve for _, curve in blocks])
            inside = slice(*steps.searchsorted([piece.low, piece.high + 1]))
            found[name] = steps[inside], values[inside]
        return found

    def _rows(self, low: int, metrics: Sequence[Metric]) -> Mapping[str, Curve]:
        """Return the rows of no block, from ``low`` on; what was read of them before stays true."""
        place = Place(self._key, 0, low // block_steps(1), -1)
        known = self._memory.get(place)
        lacking = defaultdict(list)
        for metric in metrics:
            reached = known[metric.name].reached if metric.name in known else low
            # A chart that began later may have seen more than there is for this one.
            lacking[reached if reached <= self._newest else low].append(metric)
        found = {}
        for reached, some in lacking.items():
            fresh = read_points(self._session, self._run.pk, some, reached, self._newest)
            for name, curve in fresh.items():
                steps, values = known[name].curve if reached > low else NOTHING
                old = slice(steps.searchsorted(reached))
                whole = joined([(steps[old], values[old]), curve])
                found[name] = Block(whole, None, self._newest)
        self._memory.keep(place, found)
        return {name: block.curve for name, block in found.items()}
