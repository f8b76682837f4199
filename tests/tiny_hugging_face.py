"""Models in Hugging Face's form, small enough to be made afresh in every test run.

Each kind has random weights by transformers itself and a tokenizer trained here, of the sort that
comes with the published models of that kind.  What cannot be printed alone, and what would end a
text, has weights that never win: whatever is said greedily is text, of any length.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

__all__ = ["KINDS", "NASTY", "PROMPTS", "Kind", "greedy", "make_folder", "make_model"]

PROMPTS = (
    "Milly: hello there\nBort:",
    "x",
    "The cat sat on the mat, and the dog",
    "what is 12345 times 7?\n\n",
    "  two spaces first",
    "Grüße aus Köln: 東京 is far\n",
    "It's what they'd said: don't! We'LL see.",
    "lol 😂😂 no way 🤷‍♀️",
    "a longer one\nwith lines\n" * 6,
    "Bort: potato\nMilly: which potato?\nBort:",
)
NASTY = (
    *PROMPTS,
    "",
    " ",
    "     ",
    "\n\n\n",
    " \n \t\n  x",
    "\t\ttabs",
    "trailing   ",
    "1 12 123 1234 12345 3.14159 1,000,000",
    "ÀÉÎõü ñ ß ﬁ Ⅷ ½ ²",
    "naïve cafe\u0301 A\u030a",  # accents on their own
    "日本語のテキスト 한국어 العربية हिन्दी ไทย",
    "👨‍👩‍👧‍👦🏳️‍🌈🇩🇪 ☃️ é😂",
    "I'M YOU'RE HE'D it's ain't 'tis",
    "http://example.org/?q=1&r=%20#top <b>bold</b>",
    "```python\ndef f(x):\n\treturn x  # ok\n```\r\nWindows\r\n",
    "<|endoftext|> <|startoftext|> </s> <s> <eos> [INST]",
    "a\u00a0b\u2003c\u200bd\ufeffe",
    "!!!???...---___***",
    "wordwordwordword" * 8,
)
_TEXT = (
    "Milly: hello there, what is up today? The cat and the dog are fine, thanks.\n"
    "Bort: potato time is here! Don't you think it's what they'd said? We'll see, I'm sure.\n\n"
    "It was 1999, then 2024; 12345 things cost 3.14 each.  Two spaces, \tand a tab.\n"
    "Grüße aus Köln, naïve café, señor; 東京 日本語; 😂 lol 🤷; привет, как дела?\n"
    "the quick brown fox jumps over the lazy dog while the other others gather together\n"
    "<b>bold</b> [link](http://example.org) def f(x): return x  # ok\n"
)
_CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_WORDS = r"|[^\r\n\p{L}\p{N}]?\p{L}+"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def _byte_level(
    before: list[Any], special: list[str], *, own_words: bool, normal: Any = None
) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=own_words)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*before, level]) if before else level
    if normal is not None:
        tokenizer.normalizer = normal
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=480,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([_TEXT] * 2, trainer)
    return tokenizer


def _cut(pattern: str) -> Any:
    from tokenizers import Regex

    return pre_tokenizers.Split(Regex(pattern), behavior="isolated")


def gpt2_tokenizer() -> Tokenizer:
    return _byte_level([], ["<|endoftext|>"], own_words=True)


def smollm_tokenizer() -> Tokenizer:
    digits = pre_tokenizers.Digits(individual_digits=True)
    return _byte_level([digits], ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], own_words=True)


def llama3_tokenizer() -> Tokenizer:
    pattern = _CONTRACTIONS + _WORDS + r"|\p{N}{1,3}" + _REST
    special = ["<|begin_of_text|>", "<|end_of_text|>"]
    tokenizer = _byte_level([_cut(pattern)], special, own_words=False)
    first = (special[0], tokenizer.token_to_id(special[0]))
    template = processors.TemplateProcessing(
        single=f"{special[0]} $A", pair=f"{special[0]} $A {special[0]} $B", special_tokens=[first]
    )
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(), template])
    # Some of Llama 3's words cannot be reached by merges.
    parsed = json.loads(tokenizer.to_str())
    parsed["model"]["ignore_merges"] = True
    parsed["model"]["vocab"]["Ġunreachable"] = len(parsed["model"]["vocab"])
    return Tokenizer.from_str(json.dumps(parsed))


def qwen_tokenizer() -> Tokenizer:
    pattern = _CONTRACTIONS + _WORDS + r"|\p{N}" + _REST
    tokenizer = _byte_level(
        [_cut(pattern)],
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        own_words=False,
        normal=normalizers.NFC(),
    )
    tokenizer.add_tokens(["<tool_call>"])
    return tokenizer


def _sentencepiece(special: list[str], *, first: bool, begin: str) -> Tokenizer:
    """As conversions from sentencepiece make them: every way to join two pieces is a merge."""
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    replace = normalizers.Replace(" ", "▁")
    learner = Tokenizer(models.BPE())
    learner.normalizer = replace
    trainer = trainers.BpeTrainer(vocab_size=300, show_progress=False)
    # Words only, but with the space before them: sentencepiece joins none across spaces.
    learner.pre_tokenizer = pre_tokenizers.Split("▁", behavior="merged_with_next")
    learner.train_from_iterator([line for line in _TEXT.split("\n") for _ in range(2)], trainer)
    learned = json.loads(learner.to_str())["model"]["vocab"]
    pieces = [*special, *bytes_, *sorted(learned, key=lambda piece: learned[piece])]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    merges = [
        (piece[:place], piece[place:])
        for piece in sorted(learned, key=lambda piece: learned[piece])
        for place in range(1, len(piece))
        if piece[:place] in learned and piece[place:] in learned
    ]
    model = models.BPE(
        vocab=vocabulary, merges=merges, byte_fallback=True, fuse_unk=True, unk_token="<unk>"
    )
    tokenizer = Tokenizer(model)
    steps = [normalizers.Prepend("▁"), replace] if first else [replace]
    tokenizer.normalizer = normalizers.Sequence(steps) if first else replace
    parts = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence(parts)
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A", pair=None, special_tokens=[(begin, vocabulary[begin])]
    )
    return tokenizer


def llama2_tokenizer() -> Tokenizer:
    return _sentencepiece(["<unk>", "<s>", "</s>"], first=True, begin="<s>")


def gemma_tokenizer() -> Tokenizer:
    special = ["<pad>", "<eos>", "<bos>", "<unk>"]
    tokenizer = _sentencepiece(special, first=False, begin="<bos>")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", behavior="merged_with_previous")
    return tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of model: how its tokenizer is made, its class, and settings over the shared ones."""

    tokenizer: Callable[[], Tokenizer]
    model: str
    settings: dict[str, Any]
    end: str


_NEWER = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.2,
}
_ENDOFTEXT = "<|endoftext|>"
KINDS = {
    "gpt2": Kind(
        tokenizer=gpt2_tokenizer,
        model="GPT2",
        settings={
            "n_embd": 64,
            "n_layer": 2,
            "n_head": 4,
            "n_positions": 256,
            "initializer_range": 0.2,
        },
        end=_ENDOFTEXT,
    ),
    "gpt2-untied": Kind(
        tokenizer=gpt2_tokenizer,
        model="GPT2",
        settings={
            "n_embd": 64,
            "n_layer": 2,
            "n_head": 2,
            "n_positions": 256,
            "n_inner": 96,
            "layer_norm_epsilon": 1e-3,
            "initializer_range": 0.2,
            "tie_word_embeddings": False,
        },
        end=_ENDOFTEXT,
    ),
    "smollm": Kind(
        tokenizer=smollm_tokenizer,
        model="Llama",
        settings=_NEWER | {"tie_word_embeddings": True, "rope_theta": 5000.0},
        end=_ENDOFTEXT,
    ),
    "llama3": Kind(
        tokenizer=llama3_tokenizer,
        model="Llama",
        settings=_NEWER
        | {
            "tie_word_embeddings": True,
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 500000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            },
        },
        end="<|end_of_text|>",
    ),
    "llama2": Kind(
        tokenizer=llama2_tokenizer,
        model="Llama",
        settings=_NEWER
        | {
            "tie_word_embeddings": False,
            "attention_bias": True,
            "mlp_bias": True,
            "head_dim": 32,
            "rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0},
        },
        end="</s>",
    ),
    "mistral": Kind(
        tokenizer=llama2_tokenizer,
        model="Mistral",
        settings=_NEWER | {"sliding_window": 200, "head_dim": 16},
        end="</s>",
    ),
    "qwen2": Kind(
        tokenizer=qwen_tokenizer,
        model="Qwen2",
        settings=_NEWER | {"tie_word_embeddings": True, "vocab_size": 490},
        end=_ENDOFTEXT,
    ),
    "qwen3": Kind(
        tokenizer=qwen_tokenizer,
        model="Qwen3",
        settings=_NEWER | {"tie_word_embeddings": False, "head_dim": 32},
        end=_ENDOFTEXT,
    ),
    "gemma": Kind(
        tokenizer=gemma_tokenizer,
        model="Gemma",
        settings=_NEWER | {"head_dim": 32},
        end="<eos>",
    ),
    "gemma2": Kind(
        tokenizer=gemma_tokenizer,
        model="Gemma2",
        settings=_NEWER
        | {
            "num_hidden_layers": 3,
            "head_dim": 32,
            "query_pre_attn_scalar": 32,
            "sliding_window": 24,
        },
        end="<eos>",
    ),
    "gemma3": Kind(
        tokenizer=gemma_tokenizer,
        model="Gemma3",
        settings=_NEWER
        | {
            "num_hidden_layers": 4,
            "head_dim": 32,
            "query_pre_attn_scalar": 32,
            "sliding_window": 24,
            "layer_types": [*["sliding_attention"] * 2, "full_attention", "sliding_attention"],
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
            },
        },
        end="<eos>",
    ),
}
"""The kinds that are served, each with a setting or two that the others have otherwise."""


def make_model(kind: Kind, tokenizer: Tokenizer, *, seed: int = 0, **changes: Any) -> Any:
    """A model with random weights, the same ones for the same seed."""
    end = tokenizer.token_to_id(kind.end)
    settings = {"vocab_size": tokenizer.get_vocab_size(), **kind.settings, **changes}
    name = f"{kind.model}{'Text' if kind.model == 'Gemma3' else ''}Config"
    config = getattr(transformers, name)(eos_token_id=end, bos_token_id=end, **settings)
    torch.manual_seed(seed)
    model = getattr(transformers, f"{kind.model}{_HEADS.get(kind.model, 'ForCausalLM')}")(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name or "ln_" in name or name.endswith("bias"):
                parameter += torch.randn(parameter.shape, generator=generator) * 0.1
        output = model.get_output_embeddings().weight
        if kind.end == "<eos>":  # Gemma makes its embedding larger, and would only echo
            output *= 0.25
        for number in _silent(tokenizer, len(output)):
            output[number] = 0.0
    return model.eval()


_HEADS = {"GPT2": "LMHeadModel"}


def _silent(tokenizer: Tokenizer, rows: int) -> Iterator[int]:
    """Ids of what is no text by itself."""
    special = {number for number, token in tokenizer.get_added_tokens_decoder().items()}
    for number in range(rows):
        token = tokenizer.id_to_token(number) or "<0xFF>"
        printable = token.replace("Ġ", " ").replace("▁", " ").isascii()
        if number in special or not printable or token.startswith("<0x"):
            yield number


def make_folder(folder: Path, name: str, *, seed: int = 0, **changes: Any) -> Path:
    """A folder as ``save_pretrained`` leaves it."""
    kind = KINDS[name]
    tokenizer = kind.tokenizer()
    make_model(kind, tokenizer, seed=seed, **changes).save_pretrained(folder)
    wrap: Any = transformers.PreTrainedTokenizerFast
    fast = wrap(tokenizer_object=tokenizer, eos_token=kind.end)
    fast.save_pretrained(folder)
    return folder


def greedy(model: Any, prompt: list[int], count: int) -> tuple[list[int], list[float]]:
    """The likeliest continuation in float32, and by how much each token was the likeliest."""
    ids, margins = list(prompt), []
    with torch.no_grad():
        for _ in range(count):
            best = model(torch.tensor([ids])).logits[0, -1].topk(2)
            margins.append(float(best.values[0] - best.values[1]))
            ids.append(int(best.indices[0]))
    return ids[len(prompt) :], margins
