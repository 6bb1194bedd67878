"""Find areas by what people and deliveries call them: code, full name, short name, alias, either language."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from anlan.registry.types import Area

# Endings that everyday names leave out. A short name is used only while it has at least two characters.
_ENDINGS_ZH = ("特别行政区", "自治区", "自治州", "自治县", "街道", "地区", "省", "市", "县", "区", "镇", "乡")
_ENDINGS_EN = (
    " province",
    " prefecture",
    " city",
    " county",
    " district",
    " township",
    " town",
    " subdistrict",
)

__all__ = ["AreaIndex", "normal_name", "short_names"]


def normal_name(text: str) -> str:
    """One spelling for comparison: full-width to half-width, no blanks at the ends, lower case."""
    return " ".join(unicodedata.normalize("NFKC", text).split()).casefold()


def short_names(name: str) -> tuple[str, ...]:
    """Shorter forms of a name: 赤壁市 -> 赤壁, Chibi City -> chibi."""
    plain = normal_name(name)
    found = [plain[: -len(ending)] for ending in (*_ENDINGS_ZH, *_ENDINGS_EN) if plain.endswith(ending)]
    return tuple(short for short in found if len(short) >= 2)


@dataclass(frozen=True)
class AreaIndex:
    """Areas by code and by every name. Full names go before short ones where both fit."""

    by_code: Mapping[str, Area]
    _full: Mapping[str, tuple[str, ...]]
    _short: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, areas: Iterable[Area]) -> AreaIndex:
        by_code = {area.code: area for area in areas}
        full: dict[str, list[str]] = {}
        short: dict[str, list[str]] = {}
        for code, area in by_code.items():
            for name in {*area.names.values(), *area.aliases}:
                if name:
                    full.setdefault(normal_name(name), []).append(code)
                for shorter in short_names(name):
                    short.setdefault(shorter, []).append(code)
        return cls(
            by_code,
            {k: tuple(v) for k, v in full.items()},
            {k: tuple(dict.fromkeys(v)) for k, v in short.items()},
        )

    def find(self, text: str, *, within: str = "", kinds: Iterable[str] = ()) -> tuple[Area, ...]:
        """All areas that a text may mean; one is an answer, more is a question.

        Parameters
        ----------
        text : str
            Code or name as delivered.
        within : str
            Path prefix that the area must lie in.
        kinds : iterable of str
            Kinds that are accepted; all when empty.
        """
        wanted = set(kinds)

        def fitting(codes: Iterable[str]) -> tuple[Area, ...]:
            areas = (self.by_code[code] for code in codes)
            return tuple(
                area for area in areas if area.path.startswith(within) and (not wanted or area.kind in wanted)
            )

        code = unicodedata.normalize("NFKC", text).strip()
        if code in self.by_code:
            return fitting([code])
        plain = normal_name(text)
        return fitting(self._full.get(plain, ())) or fitting(self._short.get(plain, ()))

    def one(self, text: str, *, within: str = "", kinds: Iterable[str] = ()) -> Area | None:
        """The area that a text means, or None when none or several fit."""
        found = self.find(text, within=within, kinds=kinds)
        return found[0] if len(found) == 1 else None

    def near(self, text: str, *, n: int = 3) -> tuple[str, ...]:
        """Names (and codes) that look like the text, for an error message."""
        plain = normal_name(text)
        names = difflib.get_close_matches(plain, self._full, n=n, cutoff=0.6)
        if plain.isdigit():
            names += difflib.get_close_matches(plain, self.by_code, n=n, cutoff=0.7)
        return tuple(names[:n])
