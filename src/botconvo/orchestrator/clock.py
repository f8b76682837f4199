"""The real clock."""

import asyncio
from datetime import UTC, datetime

__all__ = ["RealClock"]


class RealClock:
    """Implements ``Clock`` with the machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def wait_until(self, when: datetime) -> None:
        await asyncio.sleep(max(0.0, (when - self.now()).total_seconds()))
