"""A GPT-2's weights into TensorFlow's files, as gpt-2-simple reads them.

Only for processes of their own: TensorFlow takes seconds to load and holds its memory for good.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from model_server.checkpoint.gguf_writing import Tensor
from model_server.checkpoint.gpt2_simple import variables_of
from model_server.checkpoint.manifest import Architecture
from model_server.errors import CheckpointError

__all__ = ["write_state"]


def write_state(
    folder: Path, state: str, weights: Mapping[str, Tensor], architecture: Architecture
) -> None:
    """Write ``state`` (``model-5``) into a run's folder, and that it is the newest.

    ``weights`` go by their names in transformers.

    Raises:
        CheckpointError: a weight is missing or of another shape, or the disk refuses.
    """
    import tensorflow

    variables = variables_of(architecture)
    arrays = []
    for theirs, (_, shape) in variables.items():
        tensor = weights.get(theirs)
        if tensor is None or tuple(tensor.shape) != shape[-len(tensor.shape) :]:
            raise CheckpointError(f"{theirs} is missing or of another shape; fetch the model again")
        arrays.append(np.asarray(tensor[0:], dtype=np.float32).reshape(shape))
    try:
        tensorflow.raw_ops.SaveV2(
            prefix=str(folder / state),
            tensor_names=[name for name, _ in variables.values()],
            shape_and_slices=[""] * len(arrays),
            tensors=arrays,
        )
        # By its name alone, so that the folder can be moved.
        row = f'model_checkpoint_path: "{state}"\nall_model_checkpoint_paths: "{state}"\n'
        (folder / "checkpoint").write_text(row, encoding="utf-8", newline="\n")
    except (OSError, tensorflow.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise CheckpointError(f"{folder}: cannot be written: {reason}; free some space") from None
