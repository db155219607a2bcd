"""How the engine speaks: an event is written down first, then told, so that whoever hears of it may rely on it."""

import traceback
from collections.abc import Iterable
from contextlib import suppress

from zk0.core.errors import StorageError
from zk0.workflow.effects import Effects
from zk0.workflow.events import Event, JournalEvent, RunCancelled, RunFinished, RunResumed, Subscriber
from zk0.workflow.run import RunDirectory

SUBSCRIBER_LOG = "subscribers"


class Telling:
    """One run's events on their way to the journal and to whoever listens.

    Args:
        run: whose events these are.
        effects: what writes them down.
        subscribers: who must know the whole story; told again what happened before a resumption.
        spectators: who is told only what happens now.
    """

    def __init__(
        self,
        run: RunDirectory,
        effects: Effects,
        subscribers: Iterable[Subscriber],
        spectators: Iterable[Subscriber] = (),
    ) -> None:
        self.run = run
        self.effects = effects
        self.subscribers = tuple(subscribers)
        self.spectators = tuple(spectators)
        self.events: list[JournalEvent] = []
        self._complaints: dict[str, None] = {}

    @property
    def complaints(self) -> tuple[str, ...]:
        """Which listeners could not follow, and why; each once."""
        return tuple(self._complaints)

    def record(self, event: JournalEvent) -> None:
        """Write an event down, then tell it.

        Raises:
            StorageError: it can't be written; nobody is told.
        """
        event = self.effects.masked(event)
        self.effects.append(self.run, event)
        self.events.append(event)
        self._tell(event, (*self.subscribers, *self.spectators))

    def recall(self, events: Iterable[JournalEvent]) -> None:
        """Take up the events of a journal; subscribers are told again, since the last one may never have heard them."""
        for event in events:
            self.events.append(event)
            if not isinstance(event, RunFinished | RunResumed | RunCancelled):  # an end that was told is not an end now
                self._tell(event, self.subscribers)

    def publish(self, event: Event) -> None:
        """Tell an event that is not recorded."""
        self._tell(self.effects.masked(event), (*self.subscribers, *self.spectators))

    def _tell(self, event: Event, listeners: Iterable[Subscriber]) -> None:
        for listener in listeners:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001  a listener's fault must not lose the run; it is reported
                name = getattr(listener, "__name__", type(listener).__name__)
                self._complaints[f"{name}: {error or type(error).__name__}"] = None
                with suppress(StorageError):  # where the log can't be written, the complaint itself remains
                    self.effects.note(self.run.log(SUBSCRIBER_LOG), "".join(traceback.format_exception(error)))
