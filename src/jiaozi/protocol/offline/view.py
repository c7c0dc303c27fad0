"""What a purse shows of itself to its holder, and a card to every reader that it is held to."""

from dataclasses import asdict, dataclass

from jiaozi.protocol.offline.purse import Purse, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class PurseNumbers:
    """Where a purse stands; amounts in fen, times in Unix milliseconds.

    Attributes:
        after_synchronisation_fen: Held, and not to be spent before then.
        entries: How many the log has since the last synchronisation.
        waiting: How many payments nobody has acknowledged.
        list_number: Of the revocation list that it knows.
    """

    spendable_fen: int
    after_synchronisation_fen: int
    out_fen: int
    out_count: int
    in_fen: int
    in_count: int
    counter: int
    loads: int
    position: int
    entries: int
    waiting: int
    list_number: int
    floor_ms: int
    synchronised_ms: int

    @property
    def balance_fen(self) -> int:
        """All that the purse holds."""
        return self.spendable_fen + self.after_synchronisation_fen

    @property
    def usage(self) -> Usage:
        """What moved since the last synchronisation."""
        return Usage(
            out_fen=self.out_fen,
            out_count=self.out_count,
            in_fen=self.in_fen,
            in_count=self.in_count,
        )


def numbers_of(purse: Purse) -> PurseNumbers:
    """Return where a purse stands."""
    return PurseNumbers(
        spendable_fen=purse.spendable_fen,
        after_synchronisation_fen=purse.balances_fen[-1],
        **asdict(purse.usage),
        counter=purse.counter,
        loads=purse.loads,
        position=purse.position,
        entries=len(purse.entries),
        waiting=len(purse.waiting_for),
        list_number=purse.revocations.number,
        floor_ms=purse.floor_ms,
        synchronised_ms=purse.synchronised_ms,
    )
