"""Hot-Shot Bots' YAML: one bot on Reddit, posts by a GPT-2 of its own, replies by a large model."""

from collections.abc import Mapping
from typing import Any

from botconvo.old_configs.converted import Converted, Keys, OldPersona
from botconvo.people import speaker_name

__all__ = ["convert", "is_it"]

_MARKS = (
    "bot_backstory",
    "reply_textgen_model",
    "post_textgen_model",
    "reply_chance",
    "character_budget",
)
_NUMBERS = {
    "temperature": ("temperature", True),
    "top_k": ("top_k", False),
    "top_p": ("top_p", False),
    "repetition_penalty": ("repetition_penalty", False),
    "num_return_sequences": ("samples", False),
}
_REDDIT = "clones talk on a page or in the terminal, not on Reddit"
_LARGE = "a clone answers with its own model; there is no large one beside it"
_SECRET = f"{_REDDIT}; a secret belongs into .env, under the name that stands there"
_REASONS = {
    "bot_subreddit": _REDDIT,
    "post_frequency": _REDDIT,
    "post_schedule": _REDDIT,
    "post_flair": _REDDIT,
    "post_tries": _REDDIT,
    "linkpost_share": _REDDIT,
    "linkpost_only": _REDDIT,
    "followup_only": _REDDIT,
    "force_top_reply": "whoever is named or replied to answers; turn_limit bounds the rest",
    "reply_chance": "a free turn is drawn by each persona's talkativeness",
    "trigger_words": "a persona is called by its name",
    "trigger_boost": "a persona is called by its name",
    "topic_list": "there are no lists of topics",
    "bot_backstory": _LARGE,
    "dynamic_prompt": "nobody puts words into a clone's mouth",
    "reply_textgen_model": _LARGE,
    "post_textgen_model": "fetch its folder and make it the persona's checkpoint",
    "min_reply_score": "replies are ranked by how they fit, without a threshold",
    "character_budget": "nothing is paid for here, so there is no budget",
    "toxicity_threshold": "a list of words is looked at, and no score",
    "stop_token": "the checkpoint's prompt format ends a text",
    "return_full_text": "the checkpoint's prompt format knows where a reply begins",
    **dict.fromkeys(
        (
            "reddit_pass_var",
            "reddit_id_var",
            "reddit_secret_var",
            "hf_key_var",
            "google_api_key_var",
            "azure_token_var",
            "deepai_api_key_var",
        ),
        _SECRET,
    ),
}


def is_it(data: Mapping[Any, Any]) -> bool:
    return "bot_username" in data and any(mark in data for mark in _MARKS)


def convert(data: Mapping[Any, Any]) -> Converted:
    """The numbers of its own GPT-2 become those of a talk; its name that of a persona."""
    converted = Converted(system="Hot-Shot Bots", preset="group-chat")
    top = Keys(data)
    name = top.take("bot_username")
    posts, replies = top.table("post_textgen_parameters"), top.table("reply_textgen_parameters")
    for keys in (posts, replies):
        _convert_numbers(converted, keys)
    levels = top.take("max_levels")
    if levels is not None:
        converted.set_number("max_levels", "context_lines", levels)
    words = top.take("negative_keywords")
    if words is not None:
        converted.forbid("negative_keywords", words)
    if isinstance(name, str) and name.strip():
        name = speaker_name(name)
        converted.sketch = OldPersona(name=name, checkpoint=f"checkpoints/{name}")
    else:
        converted.leave_out("bot_username", "is no name")
    for key in (*top.left(), *posts.left(), *replies.left()):
        reason = _REASONS.get(key.rpartition(".")[2].casefold(), "has no equivalent")
        converted.leave_out(key, reason)
    return converted


def _convert_numbers(converted: Converted, keys: Keys) -> None:
    for name, (ours, pair) in (*_NUMBERS.items(), ("max_new_tokens", ("max_tokens", True))):
        value = keys.take(name)
        if value is None:
            continue
        if ours in converted.numbers:
            converted.leave_out(keys.path(name), f"the posts' is taken for conversation.{ours}")
        elif ours == "max_tokens":
            converted.set_tokens(keys.path(name), value)
        else:
            converted.set_number(keys.path(name), ours, value, pair=pair)
