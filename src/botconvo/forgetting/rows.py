"""The rows of the project's store, one keeper for each kind; they go together, last of all."""

from botconvo.forgetting.keeping import Found, Keeper, Project
from botconvo.store import Somebody, Store
from botconvo.store.rows_of import ROWS, PersonalRows

__all__ = ["KEEPERS"]


def _keeper(kind: PersonalRows) -> Keeper:
    def find(_: Project, store: Store, somebody: Somebody) -> tuple[Found, ...]:
        count = store.count_rows(kind, somebody)
        return (Found(what="rows", count=count),) if count else ()

    def erase(_project: Project, _store: Store, _somebody: Somebody) -> None:
        """``Store.erase_rows`` does it for all kinds at once."""

    return Keeper(name=kind.name, holds=kind.holds, find=find, erase=erase)


KEEPERS = tuple(map(_keeper, ROWS))
