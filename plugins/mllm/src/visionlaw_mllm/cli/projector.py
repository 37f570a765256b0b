"""``visionlaw projector``: the projectors that this project has; LLaVA's come in and go out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionlaw.cli.context import JsonOption, SpaceOption, project
from visionlaw.cli.output import note, plural, print_json, write, write_columns
from visionlaw.errors import DataError
from visionlaw_mllm.cli.options import LanguageOption, chosen_language

if TYPE_CHECKING:
    from visionlaw.alignment.projector import ProjectorCard
    from visionlaw.project import Project
    from visionlaw.protocols import Representation

app = typer.Typer(no_args_is_help=True)


@app.callback()
def projector() -> None:
    """The projectors of this project: list, import, export."""


@app.command("ls")
def list_(space: SpaceOption = None, as_json: JsonOption = False) -> None:
    """Show the trained projectors, by language model and representation.

    Example: visionlaw projector ls
    """
    from visionlaw.libraries import require_torch

    require_torch()
    from visionlaw.alignment.projector import CARD, read_card

    here = project(space)
    found: list[tuple[Path, ProjectorCard]] = []
    for path in sorted(here.projectors.glob(f"*/*/{CARD}")):
        try:
            card = read_card(path.parent)
        except DataError as error:
            note(f"Left out: {error.message}")
            continue
        if card is not None:
            found.append((path.parent, card))
    found.sort(key=lambda one: (str(one[1].language.get("name")), one[1].representation))
    if as_json:
        print_json([{"folder": str(folder), **vars(card)} for folder, card in found])
        return
    if found:
        write_columns(("REPRESENTATION", "KIND", "C → d", "LANGUAGE MODEL", "MADE BY"), [_cells(c) for _, c in found])
        write()
    write(f"{here.projectors}: {plural(len(found), 'projector')}.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An mm_projector.bin of LLaVA.")],
    representation: Annotated[str, typer.Option(metavar="ID", help="The representation that it was trained on.")],
    lm: LanguageOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the projector that there is.")] = False,
    space: SpaceOption = None,
) -> None:
    """Import a projector that LLaVA's pretraining has written; code in the file is never run.

    Which encoder and language model it was trained with is not in the file: their sizes are checked, the rest is yours.

    Example: visionlaw projector import mm_projector.bin --representation clip@336 --lm lmsys/vicuna-7b-v1.5
    """
    from visionlaw.libraries import require_torch

    require_torch()
    from visionlaw.alignment.projector import projector_folder, read_card, save_projector
    from visionlaw_mllm.llava_files import as_projector, read_projector

    here = project(space)
    read = read_projector(file)
    (reference,) = here.representations([representation])
    language = chosen_language(here, lm)
    made, card = as_projector(read, reference, language, *_combined(here, reference))
    folder = projector_folder(here.projectors, card.representation, language.fingerprint)
    if read_card(folder) is not None and not force:
        raise DataError(
            f"There is a projector of '{card.representation}' for '{language.name}' already.",
            "Replace it with --force.",
        )
    save_projector(folder, made, card)
    write(f"{card.representation}: {card.kind}, {card.channels} → {card.width}, for {language.name}.")


@app.command("export")
def export(
    representation: Annotated[str, typer.Argument(metavar="ID", help="A representation.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What to write, such as mm_projector.bin.")],
    lm: LanguageOption = None,
    space: SpaceOption = None,
) -> None:
    """Write a projector as LLaVA's mm_projector.bin, in float32.

    Example: visionlaw projector export clip@336 mm_projector.bin
    """
    from visionlaw.libraries import require_torch

    require_torch()
    from visionlaw.alignment.projector import load_projector, projector_folder
    from visionlaw_mllm.llava_files import write_projector

    here = project(space)
    name = here.space.canonical(representation)
    loaded, card = load_projector(projector_folder(here.projectors, name, chosen_language(here, lm).fingerprint))
    write_projector(file, loaded, card)
    write(f"{file}: {card.kind}, {card.channels} → {card.width}, of {card.representation}.")


def _combined(here: Project, representation: Representation) -> tuple[int | None, dict[str, Any]]:
    """Return a representation's channels where they are known without its encoders, and what combines it."""
    from visionlaw.libraries import provenance_of

    if len(representation) == 1:
        return representation[0].spec.channels, {}
    entry = here.registry.get("combiner", here.space.combiner)
    channels = sum(part.spec.channels for part in representation) if entry.spec.id == "concat" else None
    return channels, {"id": here.registry.canonical("combiner", here.space.combiner)} | provenance_of(entry)


def _cells(card: ProjectorCard) -> tuple[str, ...]:
    made = card.training.get("recipe", "imported" if "imported" in card.training else "")
    name = made.get("name", "") if isinstance(made, dict) else str(made)
    sizes = f"{card.channels} → {card.width}"
    return card.representation, card.kind, sizes, str(card.language.get("name", "")), name
