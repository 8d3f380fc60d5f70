"""Put an adapter into the weights of its base: one checkpoint that transformers, vLLM and llama.cpp's converter take.

    python -m finetune.merge saves/logicflow --out saves/merged
    python -m finetune.merge saves/logicflow --out saves/merged-4bit --precision 4bit
    python -m finetune.merge saves/logicflow --out saves/merged --gguf ~/llama.cpp

The weights are written in bf16 under the names that Google's checkpoints have on the Hub, beside the folder and then renamed.
8bit and 4bit are bitsandbytes' and load where it is installed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from finetune.command import reported
from vision.engines.checkpoints import adapter_of, of_run
from vision.engines.loading import load
from vision.errors import LogicFlowError, ModelError
from vision.settings import Settings

CONVERTER = "convert_hf_to_gguf.py"


def merge(model: str, out: Path, adapter: str = "", precision: str = "bf16") -> Path:
    """Write ``model`` with its adapter to ``out``.

    Raises:
        ModelError: when they cannot be loaded, when there is no adapter, or when ``out`` is there already.
    """
    if out.exists():
        raise ModelError(f"{out} is there already; choose another --out, or remove it")
    settings = Settings(model=model, adapter=adapter, precision="bf16", device="cpu")
    if not adapter_of(settings):
        raise ModelError(f"there is no adapter in {model}; give the output folder of a run, or the adapter with --adapter")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as made:
        written = Path(made) / "bf16"
        _save(of_run(settings), written)
        if precision != "bf16":
            whole, written = written, Path(made) / precision
            _save(Settings(model=str(whole), adapter="none", precision=precision), written)  # type: ignore[arg-type]
        written.rename(out)
    return out


def _save(settings: Settings, to: Path) -> None:
    loaded = load(settings)
    loaded.model.save_pretrained(to, max_shard_size="5GB")
    loaded.processor.save_pretrained(to)


def converter(llama_cpp: Path) -> Path:
    """llama.cpp's converter in its folder.

    Raises:
        ModelError: when it is not there.
    """
    script = llama_cpp / CONVERTER
    if not script.is_file():
        raise ModelError(f"there is no {CONVERTER} in {llama_cpp}; give the folder of llama.cpp's sources with --gguf")
    return script


def to_gguf(checkpoint: Path, llama_cpp: Path) -> list[Path]:
    """Convert ``checkpoint`` with llama.cpp's converter: the language part and the part that sees.

    Raises:
        ModelError: when the converter is not there or refuses the checkpoint.
    """
    script, made = converter(llama_cpp), []
    for name, options in (("model.gguf", []), ("mmproj.gguf", ["--mmproj"])):
        target = checkpoint / name
        command = [sys.executable, str(script), str(checkpoint), "--outfile", str(target), "--outtype", "bf16", *options]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise ModelError(f"{CONVERTER} refuses the checkpoint: {last[:200]}")
        made.append(target)
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m finetune.merge", description=__doc__.splitlines()[0])
    parser.add_argument("model", help="output folder of a run, or a checkpoint that --adapter belongs to")
    parser.add_argument("--out", type=Path, required=True, help="new folder")
    parser.add_argument("--adapter", default="", help="adapter directory or Hub id, where the model is not a run")
    parser.add_argument("--precision", choices=("bf16", "8bit", "4bit"), default="bf16", help="of the weights that are written")
    parser.add_argument("--gguf", type=Path, help="folder of llama.cpp's sources: write GGUF files beside the bf16 weights")
    args = parser.parse_args(arguments)
    if args.gguf and args.precision != "bf16":
        parser.error("--gguf starts from bf16; leave --precision out")

    def work() -> None:
        if args.gguf:
            converter(args.gguf)  # before anything is merged in vain
        print(f"merged into {merge(args.model, args.out, args.adapter, args.precision)}")
        for path in to_gguf(args.out, args.gguf) if args.gguf else []:
            print(f"and {path}")

    return reported("merge", work, LogicFlowError, OSError)


if __name__ == "__main__":
    sys.exit(main())
