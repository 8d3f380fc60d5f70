from __future__ import annotations

import json
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from vision import ModelError, Settings, open_engine
from vision.engines.checkpoints import adapter_of, display_name
from vision.engines.loading import held_to_cpu, load, place_of
from vision.settings import NANO


def test_nano_comes_with_its_adapter_unless_told_otherwise() -> None:
    assert adapter_of(Settings()) == str(NANO / "thinking") and display_name(Settings()) == "nano + thinking"
    assert adapter_of(Settings(adapter="none")) == "" and display_name(Settings(adapter="none")) == "nano"


def test_a_loaded_model_tells_how_it_sees(engine) -> None:  # type: ignore[no-untyped-def]
    assert (engine.loaded.image_side, engine.loaded.image_tokens) == (320, 256)
    assert not engine.model.training


def test_precisions_are_what_they_say() -> None:
    assert load(Settings(adapter="none")).model.dtype == torch.float32, "a small model on a CPU"
    assert load(Settings(adapter="none", precision="bf16")).model.dtype == torch.bfloat16


@pytest.mark.parametrize(("precision", "kind"), [("8bit", "Linear8bitLt"), ("4bit", "Linear4bit")])
def test_fewer_bits_are_in_the_language_layers_alone(precision: Literal["8bit", "4bit"], kind: str) -> None:
    model = load(Settings(adapter="none", precision=precision)).model
    kinds = {(type(module).__name__, "vision_tower" in name) for name, module in model.named_modules() if "Linear" in type(module).__name__}
    assert kinds == {(kind, False), ("Linear", False), ("Linear", True)}, "the tower and the output layer stay whole"


def copied(to: Path, **changes: object) -> str:
    shutil.copytree(NANO, to)
    config = json.loads((to / "config.json").read_text())
    (to / "config.json").write_text(json.dumps(config | changes))
    return str(to)


def test_what_cannot_be_loaded_gives_one_sentence_with_the_remedy(tmp_path: Path) -> None:
    damaged = copied(tmp_path / "damaged")
    weights = Path(damaged) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    text_only = tmp_path / "text"
    text_only.mkdir()
    (text_only / "config.json").write_text(json.dumps({"model_type": "gemma2"}))
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text(json.dumps({"model_type": "vit"}))
    unknown = tmp_path / "unknown"
    unknown.mkdir()
    (unknown / "config.json").write_text(json.dumps({"model_type": "made_up"}))
    for name, said in (
        (damaged, "damaged"),
        (str(text_only), "has no chat template; choose its tuned sibling"),
        (str(other), "is a vit model, which does not chat"),
        (str(unknown), "unknown"),
        (str(tmp_path / "lost.gguf"), "there is no file .*lost.gguf"),
        ("nobody/nothing-here", "nobody/nothing-here"),
    ):
        with pytest.raises(ModelError, match=said) as caught:
            open_engine(Settings(model=name))
        assert "\n" not in str(caught.value)


def test_an_adapter_for_another_model_is_refused(tmp_path: Path) -> None:
    shutil.copytree(NANO / "thinking", tmp_path / "adapter")
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    (tmp_path / "adapter" / "adapter_config.json").write_text(json.dumps(config | {"r": 3}))
    with pytest.raises(ModelError, match="adapter"):
        open_engine(Settings(adapter=str(tmp_path / "adapter")))


def altered(to: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]], base: str = "vision/nano") -> str:
    """Nano's adapter with other weights, or another base in its name."""
    shutil.copytree(NANO / "thinking", to)
    save_file(change(load_file(to / "adapter_model.safetensors")), to / "adapter_model.safetensors")
    config = json.loads((to / "adapter_config.json").read_text())
    (to / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": base}))
    return str(to)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda weights: {name.replace("language_model", "text_model"): part for name, part in weights.items()}, "are not in it"),
        (lambda weights: dict(list(weights.items())[::2]), r"\d+ of its weights are not in it"),
        (lambda weights: weights | {f"{name}2": part.clone() for name, part in weights.items()}, r"\d+ of its \d+ weights have no place"),
    ],
    ids=["renamed", "half of them", "too many"],
)
def test_an_adapter_whose_weights_find_no_place_is_refused(tmp_path: Path, change: Any, said: str) -> None:
    adapter = altered(tmp_path / "adapter", change)
    with pytest.raises(ModelError, match=f"does not fit .*nano; give the model that it was trained on with --model: .*{said}") as caught:
        load(Settings(adapter=adapter))
    assert "\n" not in str(caught.value)


def test_an_adapter_of_another_base_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    load(Settings())
    assert not caplog.records
    load(Settings(adapter=altered(tmp_path / "adapter", dict, "google/gemma-3-4b-it")))
    assert "was trained on google/gemma-3-4b-it, not on" in caplog.text


def test_without_the_hub_there_is_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []

    class Session:
        def head(self, url: str, timeout: float) -> None:
            looks.append(url)
            raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.get_session", Session)
    asked: list[str] = []
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: asked.append("".join(traceback.format_stack())) or [])
    with pytest.raises(ModelError, match="someone/some-model is not on this machine and the Hub cannot be reached; download it with"):
        load(Settings(model="someone/some-model"))
    assert len(looks) == 1 and not asked, asked


def gguf_of(model: Any, path: Path) -> None:
    """``model``, a Llama, with nano's words as a GGUF file in which every weight is whole."""
    from gguf import GGUFWriter, TokenType

    tokenizer, config, writer = AutoTokenizer.from_pretrained(NANO), model.config, GGUFWriter(path, "llama")
    words = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(words)
    writer.add_token_scores([-float(i) for i in range(len(words))])
    writer.add_token_types([TokenType.CONTROL if word.startswith("<") and word.endswith(">") else TokenType.NORMAL for word in words])
    for name, number in (("bos", 2), ("eos", 1), ("pad", 0), ("unk", 3)):
        getattr(writer, f"add_{name}_token_id")(number)
    names = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output", "input_layernorm": "attn_norm"}
    names |= {"post_attention_layernorm": "ffn_norm", "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down"}
    names |= {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output"}
    for name, weight in model.state_dict().items():
        *_, part, _ = parts = name.split(".")
        block = f"blk.{parts[2]}." if "layers" in parts else ""
        if part in ("q_proj", "k_proj"):  # llama.cpp has the halves of a head between each other
            weight = weight.unflatten(0, (-1, 2, config.head_dim // 2)).transpose(1, 2).flatten(0, 2)
        writer.add_tensor(f"{block}{names[part]}.weight", weight.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_a_gguf_file_answers_as_the_model_that_it_was_made_of(tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=1232, head_dim=8, initializer_range=0.1, **sizes)).eval()
    gguf_of(model, tmp_path / "tiny.gguf")
    for settings in (Settings(model=str(tmp_path / "tiny.gguf")), Settings(model=str(tmp_path), gguf="tiny.gguf")):
        loaded = load(settings)
        assert not loaded.sees and loaded.model.dtype == torch.float32
        ids = torch.arange(5, 40)[None]
        with torch.no_grad():
            assert (loaded.model(input_ids=ids).logits - model(input_ids=ids).logits).abs().max() < 1e-4
    with pytest.raises(ModelError, match="holds no other.gguf"):
        load(Settings(model=str(tmp_path), gguf="other.gguf"))


class Elsewhere(torch.nn.Module):
    """A model on a device that is planned: it computes ``off`` by so much there, and right on the CPU."""

    def __init__(self, off: float) -> None:
        super().__init__()
        self.off, self.device = off, torch.device("mps")
        self.places: list[str] = []

    def to(self, place: Any) -> Elsewhere:  # type: ignore[override]
        self.device = torch.device(place)
        self.places.append(self.device.type)
        return self

    def forward(self, input_ids: torch.Tensor) -> Any:
        logits = torch.nn.functional.one_hot(input_ids % 7, 7).float()
        noise = torch.randn(logits.shape, generator=torch.Generator().manual_seed(0))
        return SimpleNamespace(logits=logits + (self.off * noise if self.device.type != "cpu" else 0))


@pytest.mark.parametrize(("off", "stays"), [(0.001, "mps"), (3.0, "cpu"), (float("nan"), "cpu")])
def test_a_model_that_goes_wrong_elsewhere_stays_on_the_cpu(
    off: float, stays: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.Tensor, "to", lambda self, *_, **__: self)  # there is no such device here
    model = Elsewhere(off)
    held_to_cpu(model, AutoTokenizer.from_pretrained(NANO))
    assert model.device.type == stays and ("stays on the CPU" in caplog.text) == (stays == "cpu")


def test_the_place_is_the_accelerator_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert place_of("cuda:1") == "cuda" and place_of("cpu") == "cpu"
    monkeypatch.setattr("torch.accelerator.is_available", lambda: False)
    assert place_of("auto") == "cpu"
    monkeypatch.setattr("torch.accelerator.is_available", lambda: True)
    monkeypatch.setattr("torch.accelerator.current_accelerator", lambda: torch.device("xpu"))
    assert place_of("auto") == "xpu"
    monkeypatch.setattr("bitsandbytes.supported_torch_devices", {"cpu", "cuda"})
    with pytest.raises(ModelError, match="bitsandbytes has no 4bit on xpu; leave --precision out"):
        load(Settings(adapter="none", precision="4bit"))


def test_a_cpu_that_imitates_bf16_computes_in_fp32_where_that_fits(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("vision.engines.loading.SMALL_BYTES", 1)
    for faster, free, dtype, told in (
        (torch.bfloat16, 1 << 40, torch.bfloat16, False),
        (torch.float32, 1 << 40, torch.float32, False),
        (torch.float32, 1 << 20, torch.bfloat16, True),
    ):
        caplog.clear()
        monkeypatch.setattr("vision.engines.loading.faster", lambda faster=faster: faster)
        monkeypatch.setattr("psutil.virtual_memory", lambda free=free: SimpleNamespace(available=free))
        assert load(Settings(adapter="none", device="cpu")).model.dtype == dtype
        assert ("imitates bf16" in caplog.text) == told


def test_nano_needs_no_network_and_no_torchvision() -> None:
    """In a fresh process every connection fails and torchvision cannot be imported; nano answers all the same."""
    code = """
import socket, sys
def refuse(*a, **k): raise OSError("no network")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
sys.modules["torchvision"] = None
from PIL import Image
from vision import ask, open_engine
reply = ask(Image.new("RGB", (64, 64), "white"), "What is the total?", open_engine())
print(reply.usage.prompt_tokens > 100)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=180)
    assert done.stdout.strip() == "True", done.stderr[-1500:]


def test_bitsandbytes_is_imported_for_few_bits_only() -> None:
    """In a fresh process nano and its adapter load without it; afterwards an adapter still goes onto 4 bits."""
    code = """
import sys
from vision import Settings
from vision.engines.loading import load
load(Settings())
print("bitsandbytes" in sys.modules)
model = load(Settings(precision="4bit")).model
print(sorted({type(module).__name__ for name, module in model.named_modules() if name.endswith("up_proj.base_layer")}))
print({type(module).__module__ for name, module in model.named_modules() if name.endswith("language_model.layers.0.mlp.up_proj")})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout.split("\n")[:3] == ["False", "['Linear4bit']", "{'peft.tuners.lora.bnb'}"], done.stderr[-1500:]
