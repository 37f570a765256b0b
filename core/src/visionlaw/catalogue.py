"""The catalogue: which plugins there are to install, by what they provide, and which of them are installed.

It is the table of that name in registry.toml, the one that is shipped and the project's own. Nothing is asked of a
package index and nothing is imported.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from visionlaw.discovery import discover, normalise
from visionlaw.errors import ConflictError, UnknownIdError
from visionlaw.hookspecs import PROJECT
from visionlaw.spacefile import CatalogueEntry, default_catalogue, is_distribution_name

SEARCH = "visionlaw plugins search"


@dataclass(frozen=True)
class Offer:
    """What the catalogue knows of one prefix.

    Attributes:
        prefix: What the ids begin with, or the name of a verb.
        distribution: What is installed for it.
        kinds: The kinds of what it provides, where the catalogue says so.
        description: What it is for; may be empty.
        homepage: Where to read about it.
        installed: The installed version of the distribution; None where it is not installed.
    """

    prefix: str
    distribution: str
    kinds: tuple[str, ...]
    description: str
    homepage: str | None
    installed: str | None


def offers(catalogue: Mapping[str, CatalogueEntry]) -> tuple[Offer, ...]:
    """Return what there is to install, in the catalogue's order; one scan of what is installed."""
    versions = {normalise(plugin.distribution): plugin.version for plugin in discover()}
    return tuple(
        Offer(
            prefix,
            entry.distribution,
            entry.kinds,
            entry.description,
            entry.homepage,
            versions.get(normalise(entry.distribution)),
        )
        for prefix, entry in catalogue.items()
    )


def search(found: Iterable[Offer], text: str) -> tuple[Offer, ...]:
    """Return the offers that have a text in their prefix, distribution, kinds or description, letter case aside."""
    folded = text.casefold()

    def haystack(offer: Offer) -> str:
        kinds = (kind.replace("_", " ") for kind in offer.kinds)
        return "\n".join((offer.prefix, offer.distribution, *kinds, offer.description)).casefold()

    return tuple(offer for offer in found if folded in haystack(offer))


def wanted(found: Iterable[Offer], names: Iterable[str]) -> tuple[Offer, ...]:
    """Return one offer for each distribution that is named, by its own name or by a prefix of what it provides.

    A prefix is matched exactly, a distribution's name as pip does. Nothing else is ever given to pip.

    Raises:
        UnknownIdError: A name that the catalogue does not have.
        ConflictError: A name that means two distributions, or a prefix for which the project's registry.toml names
            another distribution than the shipped one.
    """
    known = tuple(found)
    chosen: dict[str, Offer] = {}
    for name in names:
        offer = _offer(known, name)
        chosen.setdefault(normalise(offer.distribution), offer)
    return tuple(chosen.values())


def _offer(known: tuple[Offer, ...], name: str) -> Offer:
    found = [offer for offer in known if offer.prefix == name or normalise(offer.distribution) == normalise(name)]
    if not found:
        raise _unknown(known, name)
    meant = list(dict.fromkeys(offer.distribution for offer in found))
    if len({normalise(distribution) for distribution in meant}) > 1:
        raise ConflictError(
            f"'{name}' is a prefix of one distribution and the name of another in the catalogue: {', '.join(meant)}.",
            "Rename the prefix in this project's registry.toml.",
        )
    for offer in found:
        if offer.prefix == name:
            _refuse_replaced(offer)
    return found[0]


def _refuse_replaced(offer: Offer) -> None:
    """Refuse a prefix that the project's file gives to somebody else: whoever names it may mean the shipped one."""
    shipped = default_catalogue().get(offer.prefix)
    if shipped is not None and normalise(shipped.distribution) != normalise(offer.distribution):
        raise ConflictError(
            f"'{offer.prefix}' is {shipped.distribution} in the shipped catalogue, and {offer.distribution} in this "
            "project's registry.toml.",
            f"Name the distribution that you mean: visionlaw plugins install {offer.distribution}",
        )


def _unknown(known: tuple[Offer, ...], name: str) -> UnknownIdError:
    """Say that the catalogue does not have a name, and what may be meant by it."""
    # Every plugin's name begins alike: compared in full, any two of them are close.
    bare = _bare(name)
    meant = {_bare(offer.distribution): offer.distribution for offer in known} | {o.prefix: o.prefix for o in known}
    close = " or ".join(f"'{meant[word]}'" for word in difflib.get_close_matches(bare, meant))
    message = f"The catalogue has no plugin '{name}'."
    if not close and is_distribution_name(name) and "-" in normalise(name):
        return UnknownIdError(
            f"{message} Only what it lists is installed from here.",
            f"If you trust its author, install it by hand: python -m pip install {name}",
        )
    return UnknownIdError(message, f"Did you mean {close}?" if close else f"See what it has: {SEARCH}")


def _bare(name: str) -> str:
    return normalise(name).removeprefix(f"{PROJECT}-")
