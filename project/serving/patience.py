STEADY_SECONDS = 10.0
FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0


class Patience:
    """How long to wait after each death of a row: not at all, 0.5 s, 1 s, 2 s, up to 30 s.

    A row ends with a worker that has lived for ten seconds: the first death is replaced at once, and one that dies of
    itself again and again does not eat the machine.
    """

    def __init__(self) -> None:
        self.row = 0

    def after(self, lived: float) -> float:
        """Seconds to wait, now that one has died that lived for so many."""
        self.row = 0 if lived >= STEADY_SECONDS else self.row + 1
        return 0.0 if self.row < 2 else float(min(FIRST_SECONDS * 2 ** (self.row - 2), LONGEST_SECONDS))
