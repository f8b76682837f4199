"""What platforms say about training on words from their APIs, and how an owner answers it."""

from dataclasses import dataclass

__all__ = ["DISCORD", "POLICIES", "SLACK", "Policy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One platform's rule.

    ``name`` is what the store keeps of the owner's acknowledgement, ``origin`` that of the rows it
    is about, ``flag`` the option of the command line.  With ``before_import`` not even an import
    goes on without the acknowledgement.
    """

    name: str
    origin: str
    flag: str
    rule: str
    before_import: bool = False

    @property
    def refusal(self) -> str:
        """The rule, and what to do by somebody whose decision it is."""
        return (
            f"{self.rule} If you have read this and it is yours to decide, repeat the command with "
            f"{self.flag}"
        )


DISCORD = Policy(
    name="discord-developer-policy-21",
    origin="discord-api",
    flag="--acknowledge-discord-policy",
    rule=(
        "These rows come from Discord's API. Discord's Developer Policy (rule 21) says: \"Do not "
        'use message content obtained through the APIs to train machine learning or AI models" '
        "unless Discord has given express permission. The friendliest source is the data package "
        "that each person requests from Discord for themselves."
    ),
)
SLACK = Policy(
    name="slack-api-terms-2025-05",
    origin="slack-api",
    flag="--acknowledge-slack-policy",
    rule=(
        "These rows come from Slack. Slack's API terms (May 2025) forbid to export its data in "
        "bulk and to train large language models on it, and a workspace mostly belongs to an "
        "employer. BotConvo therefore reads no Slack export by itself."
    ),
    before_import=True,
)

POLICIES = {policy.origin: policy for policy in (DISCORD, SLACK)}
"""By the origin of rows; a person's own file has none."""
