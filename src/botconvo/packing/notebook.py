"""The notebook that trains a pack: a few cells that explain themselves, in nbformat 4.5.

The cells are plain Python, with no commands of IPython, so that they run wherever Python does.
Everything that can wait until BotConvo is installed there is left to ``botconvo train-packed``.
"""

import json
from typing import Any

from botconvo.packing.pack import PACK_NAME, Pack

__all__ = ["print_notebook"]

_INTRODUCTION = """\
# Training a clone of {speaker}

This notebook trains what `botconvo train --pack` wrote into `{name}.zip`: {lines} lines of talk.
In Colab choose *Runtime > Change runtime type > GPU*; on Kaggle choose a GPU as *Accelerator* and
switch *Internet* on.  Then run all cells, and download `{name}-trained.zip` at the end.

The archive holds people's words, given to `{processor}` and to nobody else: keep this notebook
private, and delete the archive and this session when you are done.
"""
_FIND = '''\
import pathlib, zipfile

NAME, ID = "{name}", "{id}"
KAGGLE = pathlib.Path("/kaggle/input")


def find_pack():
    """The unpacked archive, beside this notebook or among Kaggle's inputs, or None."""
    here = pathlib.Path.cwd()
    for file in [*here.glob("{pack}"), *here.glob("*/{pack}"), *KAGGLE.glob("**/{pack}")]:
        if ID in file.read_text(encoding="utf-8"):
            return file.parent
    for file in filter(zipfile.is_zipfile, [*here.glob("*.zip"), *KAGGLE.glob("**/*.zip")]):
        with zipfile.ZipFile(file) as archive:
            if "{pack}" in archive.namelist() and ID in archive.read("{pack}").decode():
                archive.extractall(here / NAME)
                return here / NAME
    return None


folder = find_pack()
if folder is None:
    try:
        from google.colab import files
    except ImportError:
        raise FileNotFoundError(f"Upload {{NAME}}.zip beside this notebook and run this again.")
    files.upload()
    folder = find_pack()
    if folder is None:
        raise FileNotFoundError(f"That was not {{NAME}}.zip, or it is not whole; upload it again.")
print(f"The pack is in {{folder}}")
'''
_INSTALL_TEXT = """\
## Install BotConvo

It comes in the archive; the libraries that it needs (PyTorch, transformers and others) come from
the package index where they are not there already.  This takes a minute or two.
"""
_INSTALL = '''\
import os, subprocess, sys


def run(*words):
    """Run Python with these words and show what it says; stopping this cell stops it too."""
    process = subprocess.Popen(
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        env=os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
        start_new_session=True,
    )
    try:
        for line in process.stdout:
            print(line, end="")
    except KeyboardInterrupt:
        process.terminate()
        print(process.communicate()[0], end="")
        raise
    if process.wait() != 0:
        raise RuntimeError("This went wrong; the last lines above say why.")


wheel = str(next(folder.glob("*.whl")))
run("-m", "pip", "install", "-q", "--no-deps", "--force-reinstall", wheel)
run("-m", "pip", "install", "-q", wheel + "[train]")
'''
_TRAIN_TEXT = """\
## Train

It says how long at most.  Stop the cell and run it again: it goes on where it was, as long as this
session lives.
"""
_TRAIN = """\
result = pathlib.Path.cwd() / f"{NAME}-trained.zip"
if not result.exists():
    run("-m", "botconvo", "train-packed", str(folder), "--output", str(result))
"""
_FETCH_TEXT = """\
## Download

At home: `botconvo adopt {name}-trained.zip`.  Then delete what is here.
"""
_FETCH = """\
try:
    from google.colab import files
except ImportError:
    print(f"Download {result} (on Kaggle: under Output), then: botconvo adopt {result.name}")
else:
    files.download(str(result))
"""


def print_notebook(pack: Pack, lines: int) -> str:
    """The notebook for ``pack``, whose corpus has so many lines, as JSON text."""
    words = {
        "speaker": pack.speaker,
        "name": pack.name,
        "id": pack.id,
        "processor": pack.processor,
        "pack": PACK_NAME,
        "lines": str(lines),
    }
    cells = [
        _markdown(_INTRODUCTION.format(**words)),
        _code(_FIND.format(**words)),
        _markdown(_INSTALL_TEXT),
        _code(_INSTALL),
        _markdown(_TRAIN_TEXT),
        _code(_TRAIN),
        _markdown(_FETCH_TEXT.format(**words)),
        _code(_FETCH),
    ]
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
            # What Colab starts the notebook with; others pass it over.
            "accelerator": "GPU",
            "colab": {"provenance": [], "gpuType": "T4"},
        },
        "cells": [{"id": f"cell-{place}", **cell} for place, cell in enumerate(cells, start=1)],
    }
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(text: str) -> dict[str, Any]:
    source = text.rstrip("\n").splitlines(keepends=True)
    return {
        "cell_type": "code",
        "metadata": {},
        "source": source,
        "execution_count": None,
        "outputs": [],
    }
