"""A clone is asked for a few words by a real model server before it takes its place.

An engine that crashes takes that process along and nothing else.  It knows nothing of training.
"""

import asyncio
import secrets
from pathlib import Path

import httpx
from pydantic import SecretStr, ValidationError

from botconvo.errors import TrainingError, VoiceError
from botconvo.model_process import ModelProcess, ModelSpec
from model_server.checkpoint.folder import Checkpoint, load_checkpoint
from model_server.schemas import CompletionResponse

__all__ = ["try_out"]

_CONTEXT = 64
_TOKENS, _SAMPLES = 8, 3
_PATIENCE_S = 300.0
"""A large base is loaded for minutes from a slow disk."""


def try_out(folder: Path, base: Path | None) -> None:
    """Serve the checkpoint in ``folder`` and let it say something.

    ``base`` is the folder of its base, where the manifest does not name one.

    Raises:
        CheckpointError: it does not fit together.
        TrainingError: its server does not start, ends, or answers with nothing.
    """
    opened = load_checkpoint(folder, base=base)
    persona = opened.manifest.persona or folder.name
    try:
        texts = asyncio.run(_texts(opened, persona))
    except (VoiceError, httpx.HTTPError, ValidationError) as error:
        raise TrainingError(
            f"the new clone of {persona} cannot be served, so it does not take its place: "
            f"{error or type(error).__name__}"
        ) from None
    if not any(texts):
        raise TrainingError(
            f"the new clone of {persona} says nothing, so it does not take its place; train it "
            "again, with a lower --learning-rate"
        )


async def _texts(opened: Checkpoint, persona: str) -> list[str]:
    token = SecretStr(secrets.token_urlsafe())
    process = await ModelProcess.start(_spec(opened, persona), token)
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=_PATIENCE_S) as http:
            await process.wait_until_ready(http, _PATIENCE_S)
            return await _ask(http, f"{process.address}/v1/completions", opened, token)
    finally:
        await process.stop()


async def _ask(
    http: httpx.AsyncClient, url: str, opened: Checkpoint, token: SecretStr
) -> list[str]:
    form = opened.manifest.prompt_format
    body = {
        "prompt": "" if form is None else form.render([]),
        "max_tokens": _TOKENS,
        "n": _SAMPLES,
        "seed": 0,
    }
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"}
    response = await http.post(url, json=body, headers=headers)
    response.raise_for_status()
    answer = CompletionResponse.model_validate_json(response.content)
    return [choice.text for choice in answer.choices]


def _spec(opened: Checkpoint, persona: str) -> ModelSpec:
    return ModelSpec(
        persona=persona,
        checkpoint=opened.folder,
        base=None if opened.adapter_path is None else opened.base_path,
        digest=opened.digest,
        context=min(_CONTEXT, opened.manifest.architecture.context),
        parallel=_SAMPLES,
        threads=1,
    )
