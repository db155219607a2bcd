"""The event log of a run: each event is written to the journal first, then passed on to the subscribers."""

import traceback
from collections.abc import Iterable
from contextlib import suppress

from zk0.core.errors import StorageError, Zk0Error
from zk0.core.project import Project
from zk0.core.receipts import ReceiptStore
from zk0.workflow.effects import Effects
from zk0.workflow.events import Event, JournalEvent, RunCancelled, RunFinished, RunResumed, StepFinished, Subscriber
from zk0.workflow.run import RunDirectory

SUBSCRIBER_LOG = "subscribers"


class EventLog:
    """The events of one run, on their way to the journal and to the subscribers.

    Args:
        run: the run.
        effects: writes the journal.
        subscribers: get every event, and after a resumption those before it once more.
        live_subscribers: get only the events that happen now.
    """

    def __init__(
        self,
        run: RunDirectory,
        effects: Effects,
        subscribers: Iterable[Subscriber],
        live_subscribers: Iterable[Subscriber] = (),
    ) -> None:
        self.run = run
        self.effects = effects
        self.subscribers = tuple(subscribers)
        self.live_subscribers = tuple(live_subscribers)
        self.events: list[JournalEvent] = []
        self._errors: dict[str, None] = {}

    @property
    def subscriber_errors(self) -> tuple[str, ...]:
        """The errors that subscribers raised, each once."""
        return tuple(self._errors)

    def append(self, event: JournalEvent) -> None:
        """Write an event to the journal, then pass it on.

        Raises:
            StorageError: the journal can't be written; no subscriber gets the event.
        """
        event = self.effects.mask_secrets(event)
        self.effects.append(self.run, event)
        self.events.append(event)
        self._notify(event, (*self.subscribers, *self.live_subscribers))

    def replay(self, events: Iterable[JournalEvent]) -> None:
        """Take over a journal's events; subscribers get them again, since they may have missed the last one."""
        for event in events:
            self.events.append(event)
            if not isinstance(event, RunFinished | RunResumed | RunCancelled):  # an earlier end is no longer the end
                self._notify(event, self.subscribers)

    def emit(self, event: Event) -> None:
        """Pass on an event that is not in the journal."""
        self._notify(self.effects.mask_secrets(event), (*self.subscribers, *self.live_subscribers))

    def _notify(self, event: Event, subscribers: Iterable[Subscriber]) -> None:
        for subscriber in subscribers:
            try:
                subscriber(event)
            except Exception as error:  # noqa: BLE001  a subscriber's error is reported and must not end the run
                name = getattr(subscriber, "__name__", type(subscriber).__name__)
                remedy = f" ({error.remedy})" if isinstance(error, Zk0Error) and error.remedy else ""
                self._errors[f"{name}: {error or type(error).__name__}{remedy}"] = None
                with suppress(StorageError):  # if the log can't be written either, the error is still reported
                    self.effects.append_log(self.run.log(SUBSCRIBER_LOG), "".join(traceback.format_exception(error)))


class ReceiptRecorder:
    """The subscriber that saves the receipt of every finished step."""

    def __init__(self, project: Project) -> None:
        self.store = ReceiptStore(project.runs_dir)

    def __call__(self, event: Event) -> None:
        """Save a finished step's receipt."""
        if isinstance(event, StepFinished):
            self.store.save(event.receipt)
