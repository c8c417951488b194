"""Text from elsewhere, made safe for Markdown."""

import re


def plain(text: str) -> str:
    """Text with nothing in it that Markdown would act on: each sign that it could gets a backslash before it."""
    return re.sub(r"([\\`*_{}\[\]<>#|~$:])", r"\\\1", text)
