"""Text from elsewhere, made safe for Markdown."""

import re

JOINER = "\u2060"
"""A word joiner: it has no width, and parts what Markdown would take for an address or the name of an icon."""


def plain(text: str) -> str:
    r"""Text with nothing in it that Markdown would act on: no markup, no address becomes a link, no name an icon.

    Each sign that Markdown could act on gets a backslash before it. Addresses and ``:icons:`` are found in spite of
    that, so a character without width parts them.

    >>> plain("a *b*"), plain("see: c")
    ('a \\*b\\*', 'see\\: c')
    """
    parted = re.sub(r"(?<=:)(?=\S)|(?<=www)(?=\.)|(?<=@)(?=\S)", JOINER, text, flags=re.IGNORECASE)
    return re.sub(r"([\\`*_{}\[\]<>#|~$:&])", r"\\\1", parted)


def titles(paths: list[str]) -> list[str]:
    """Each path up to its first underscore, where that tells them apart: ``block2a_expand_relu`` → ``block2a``."""
    short = [path.partition("_")[0] for path in paths]
    return short if len(set(short)) == len(short) else paths
