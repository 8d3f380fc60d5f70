"""``logicflow space build | push``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from app.command import Adapter, Model, Precision, fail, sentences, settings_of

space = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Write or push a Hugging Face Space that serves the page.")


@space.command("build")
def space_build(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder, or an earlier build.")],
    model: Model = None,
    adapter: Adapter = None,
    precision: Precision = None,
    title: Annotated[str, typer.Option(help="Title of the Space.")] = "LogicFlow",
) -> None:
    """Write a complete Space into a folder."""
    settings = settings_of(model=model, adapter=adapter, precision=precision)
    with sentences(f"{folder} cannot be written", "choose another folder"):
        from app.space.building import build, hardware_for

        files = build(folder, settings, title)
        hardware = hardware_for(settings)
    size = f" ({hardware.size})" if hardware.size else ""
    print(f"{len(files)} files in {folder}; suggested hardware {hardware.name}{size}: {hardware.why}")


@space.command("push")
def space_push(
    repo: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The Space on the Hub.")],
    folder: Annotated[Path, typer.Option("--from", help="A folder that 'space build' wrote.")] = Path("space"),
    hardware: Annotated[str, typer.Option(help="As the Hub calls it; what the model needs when left out.")] = "",
    private: Annotated[bool | None, typer.Option("--private/--public", help="Who may see it; as it is when left out.")] = None,
    secret: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, or NAME to take it from the environment; repeatable.")] = None,
    variable: Annotated[list[str] | None, typer.Option(help="NAME=VALUE; repeatable.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be done.")] = False,
) -> None:
    """Create or update a Space on the Hub; run it again after a broken upload."""
    from app.space.building import Push, hardware_of

    push = Push(
        repo=repo,
        folder=folder,
        hardware=hardware or hardware_of(folder),
        private=private,
        secrets=_pairs(secret or [], "--secret", from_environment=True),
        variables=_pairs(variable or [], "--variable"),
    )
    print("\n".join(push.plan()))
    if not dry_run:
        print(push.run())


def _pairs(written: list[str], option: str, *, from_environment: bool = False) -> dict[str, str]:
    made = {}
    for pair in written:
        name, equals, value = pair.partition("=")
        if not equals and from_environment and name in os.environ:
            value = os.environ[name]
        elif not equals or not name.isidentifier():
            fail(f"{option} is {name!r}; expected NAME=VALUE" + (" or the name of a variable that is set" if from_environment else ""))
        made[name] = value
    return made
