"""Trouble by the dozen: one fault after the other, drawn, and each mended before the next.

It strikes at a bot and its channels through ``faults`` and the world, as a bad week at Discord
would.  Which faults there are is one table.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

from botconvo.rehearsal.entities import Application, Channel, Guild
from botconvo.rehearsal.faults import Fault
from botconvo.rehearsal.permissions import Permission
from botconvo.rehearsal.server import Rehearsal

__all__ = ["KINDS", "Trouble"]

_POSTS = r"/messages$|^/webhooks/\d+/[\w-]+$"
_SLOW_S = 0.3

Strike = Callable[["Trouble"], Fault | int]
"""Gives the fault to come, or how often it struck at once."""


class Trouble:
    """``strike`` makes the next thing go wrong and says what."""

    def __init__(
        self,
        rehearsal: Rehearsal,
        bot: Application,
        channels: Sequence[Channel],
        rng: Random,
        kinds: Sequence[str] | None = None,
    ) -> None:
        self.rehearsal, self.bot = rehearsal, bot
        self.faults = rehearsal.faults
        self._channels, self._rng = channels, rng
        self._kinds = tuple(kinds or KINDS)
        self._left: list[str] = []
        self._mend: list[Callable[[], None]] = []
        self.struck: Counter[str] = Counter()
        """How often each kind took effect; a fault of a request that nobody makes has none."""

    def strike(self) -> str:
        """Mend what was broken, break something else; every kind comes once before any again."""
        self.mend()
        if not self._left:
            self._left = self._rng.sample(self._kinds, len(self._kinds))
        kind = self._left.pop()
        done = KINDS[kind](self)
        if isinstance(done, Fault):
            self._mend.append(lambda: self._count(kind, done.happened))
        else:
            self._count(kind, done)
        return kind

    def _count(self, kind: str, times: int) -> None:
        self.struck[kind] += times > 0

    def mend(self) -> None:
        """Everything that can be mended works again."""
        self.faults.clear()
        self.faults.refuse_resume(refuse=False)
        while self._mend:
            self._mend.pop()()

    # ---- what the table needs ------------------------------------------------------------

    @property
    def guild(self) -> Guild:
        guild = self._channels[0].guild
        assert guild is not None
        return guild

    def channel(self) -> Channel:
        return self._rng.choice(self._channels)

    def delete_webhooks(self) -> int:
        webhooks = list(self.channel().webhooks.values())
        for webhook in webhooks:
            self.rehearsal.delete_webhook(webhook)
        return len(webhooks)

    def revoke(self, permission: Permission) -> int:
        """Take a permission from the bot's role until the next strike."""
        role = next(r for r in self.guild.roles.values() if r.managed_by == self.bot.user.id)
        before = role.permissions
        everyone = self.guild.roles[self.guild.id]
        everyone_before = everyone.permissions
        set_permissions = self.rehearsal.world.set_role_permissions
        set_permissions(self.guild, role, before & ~permission)
        self._mend.append(lambda: set_permissions(self.guild, role, before))
        if everyone_before & permission:
            channel = self.channel()
            target = self.bot.user.id
            overwrites = dict(channel.overwrites)
            self.rehearsal.world.set_overwrite(channel, target, deny=int(permission))
            change = self.rehearsal.world.change_channel
            self._mend.append(lambda: change(channel, overwrites=overwrites))
        return 1

    def refuse_resume(self) -> int:
        self.faults.refuse_resume()
        return self.faults.drop_gateway(self.bot)

    def send_rubbish(self) -> int:
        rubbish = {"id": "1", "channel_id": str(self.channel().id)}
        self.faults.send_event(self.bot, "MESSAGE_CREATE", rubbish)
        return 1

    def repeat_events(self) -> int:
        self.faults.duplicate(5)
        return 1


KINDS: dict[str, Strike] = {
    "gateway closed with 4000": lambda t: t.faults.close_gateway(t.bot, 4000),
    "gateway closed with 1001": lambda t: t.faults.close_gateway(t.bot, 1001),
    "gateway dropped": lambda t: t.faults.drop_gateway(t.bot),
    "gateway half-open": lambda t: t.faults.freeze_gateway(t.bot),
    "op 7": lambda t: t.faults.ask_to_reconnect(t.bot),
    "op 9, resumable": lambda t: t.faults.invalidate(t.bot, resumable=True),
    "op 9": lambda t: t.faults.invalidate(t.bot),
    "resume refused": lambda t: t.refuse_resume(),
    "429": lambda t: t.faults.limit(0.2, times=3),
    "429 for all": lambda t: t.faults.limit(0.3, scope="global"),
    "429 from Cloudflare": lambda t: t.faults.limit(scope="cloudflare"),
    "500 before": lambda t: t.faults.fail(500, path=_POSTS),
    "502 after": lambda t: t.faults.fail(502, method="POST", path=_POSTS, after=True),
    "503": lambda t: t.faults.fail(503, times=2),
    "slow": lambda t: t.faults.delay(_SLOW_S, times=5),
    "half-open request": lambda t: t.faults.hang(method="POST", path=_POSTS),
    "cut before": lambda t: t.faults.cut(method="POST", path=_POSTS),
    "cut after": lambda t: t.faults.cut(method="POST", path=_POSTS, after=True),
    "webhook deleted": lambda t: t.delete_webhooks(),
    "no permission for webhooks": lambda t: t.revoke(Permission.MANAGE_WEBHOOKS),
    "no permission to send": lambda t: t.revoke(Permission.SEND_MESSAGES),
    "no permission to see": lambda t: t.revoke(Permission.VIEW_CHANNEL),
    "malformed event": lambda t: t.send_rubbish(),
    "events twice": lambda t: t.repeat_events(),
}
"""Everything that goes wrong, by a name for logs."""
