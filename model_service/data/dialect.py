"""How a text file is written: encoding, separator, quotes, header. Found out from its first lines."""

import codecs
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from model_service.data.files import DataFile
from model_service.data.options import ReadOptions
from model_service.data.ratings import DataError
from model_service.data.roles import ITEM_NAMES, NAMES, normalised

SAMPLE_BYTES: Final = 1 << 18
_SAMPLE_LINES: Final = 400
MAX_JOINED: Final = 20  # lines of one field; more mean that a quote was left open
_CONSISTENT: Final = 0.9  # share of the lines with the same number of fields
_SEPARATORS: Final = ("::", "\t", ";", ",", "|", " ")  # a separator before those that occur within its fields
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_PACKED: Final = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf", b"Rar!")
NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DECIMAL_COMMA: Final = re.compile(r"[+-]?\d+,\d+", re.ASCII)
_KNOWN: Final = frozenset(name for names in (*NAMES.values(), *ITEM_NAMES.values()) for name in (*names, "id"))
NAMES_OF_SEPARATORS: Final = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "pipes", " ": "blanks", "::": "::"}


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a text file is written.

    separator: " " stands for one or more blanks. quoted: fields may stand in double quotes, doubled or escaped
    within. names: of the columns, None without a header. columns: fields on a line. decimal: "." or ",". rows: the
    fields of the first lines, without the header.
    """

    encoding: str
    separator: str
    quoted: bool
    names: tuple[str, ...] | None
    columns: int
    decimal: str
    rows: tuple[tuple[str, ...], ...]

    def describe(self) -> str:
        """Separator, header and encoding, for people."""
        header = "a header" if self.names else "no header"
        comma = ", decimal comma" if self.decimal == "," else ""
        separator = NAMES_OF_SEPARATORS.get(self.separator, self.separator)
        return f"{separator}, {header}, {encoding_name(self.encoding)}{comma}"

    def column(self, position: int) -> str:
        """The column's name, or its number from 1."""
        name = self.names[position] if self.names and position < len(self.names) else ""
        return f'"{name}"' if name else f"column {position + 1}"

    def number(self, field: str) -> float | None:
        """The number that a field is; None for another text."""
        text = field.replace(",", ".") if self.decimal == "," else field
        return float(text) if NUMBER.fullmatch(text) else None


def detect_dialect(file: DataFile, options: ReadOptions) -> Dialect:
    """The dialect of `file`; raises DataError when it is empty, no text, or has a single column."""
    raw = file.head(SAMPLE_BYTES)
    encoding = options.encoding or detect_encoding(raw)
    lines = _sample_lines(raw, encoding, file)
    if options.encoding is None:
        refuse_other_scripts(file, raw, encoding)
    if not lines:
        raise DataError(f"{file.name} is empty: it has no line of ratings")
    if lines[0].lstrip().startswith(("{", "[{", "<")):
        raise DataError(f"{file.name} is JSON or XML; a table with one rating a line is needed, such as CSV")
    separator = options.separator or _detect_separator(lines)
    if separator is None:
        raise DataError(
            f"{file.name} has one field on a line, {lines[0][:60]!r}; at least a user and an item are needed. "
            "To fix it: name what separates them by --separator"
        )
    quoted = _is_quoted(lines, separator)
    rows = [tuple(field.strip() for field in split(line, separator, quoted) or ("",)) for line in lines]
    counts = Counter(len(row) for row in rows[1:] or rows)
    columns = counts.most_common(1)[0][0]
    header = _has_header(rows) if options.header is None else options.header
    names = rows[0] if header else None
    body = tuple(rows[1:] if header else rows)
    return Dialect(
        encoding=encoding,
        separator=separator,
        quoted=quoted,
        names=names,
        columns=len(names) if names else columns,
        decimal=_decimal(body, separator),
        rows=body,
    )


def detect_encoding(raw: bytes) -> str:
    """The encoding of a text from its first bytes: by its mark, else UTF-16, UTF-8 or cp1252, by what fits."""
    for mark, name in _BOMS:
        if raw.startswith(mark):
            return name
    pairs = raw[: len(raw) // 2 * 2]
    if pairs and b"\0" in pairs:
        for name, zeros in (("utf-16-le", pairs[1::2]), ("utf-16-be", pairs[::2])):
            if zeros.count(0) > 0.4 * len(zeros):
                return name
    try:
        codecs.getincrementaldecoder("utf-8")().decode(raw)  # the sample may end within a character
        return "utf-8"
    except UnicodeDecodeError:
        beyond = [char for char in raw.decode("utf-8", "surrogateescape") if not char.isascii()]
        if 2 * sum(map(is_byte, beyond)) < len(beyond):  # UTF-8 with some lines of another encoding
            return "utf-8"
    try:
        raw.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"


def is_byte(char: str) -> bool:
    """Whether a character stands for a byte that could not be decoded."""
    return "\udc80" <= char <= "\udcff"


def refuse_other_scripts(file: DataFile, raw: bytes, encoding: str) -> None:
    """Raise DataError where `encoding` was guessed as a Western one, and most letters beyond ASCII stand in words."""
    if encoding not in ("cp1252", "latin-1"):
        return
    runs = [len(run) for run in re.findall(rb"[\x80-\xff]+", raw)]
    if 2 * sum(length for length in runs if length > 3) > sum(runs):
        raise DataError(
            f"{file.name} is not UTF-8, and its letters are not those of a Western language. To fix it: --encoding "
            "names how it is written, such as cp1251, shift_jis or gb18030; or cp1252 if it is Western"
        )


def encoding_name(encoding: str) -> str:
    """An encoding's name for people."""
    return "UTF-8" if encoding == "utf-8-sig" else encoding.upper()


def split(line: str, separator: str, quoted: bool) -> list[str] | None:
    """The fields of a line; None when a quote is left open, or something follows a closing quote."""
    if separator == " ":
        return line.split()
    if not quoted or '"' not in line:
        return line.split(separator)
    fields: list[str] = []
    at = 0
    while True:
        start = at
        while separator != " " and line.startswith(" ", start):
            start += 1
        if line.startswith('"', start) and (start == at or _QUOTED.match(line, start)):
            match = _QUOTED.match(line, start)
            if match is None:
                return None
            fields.append(_ESCAPED.sub(r"\1", match[1]))
            at = match.end()
            if at == len(line):
                return fields
            if not line.startswith(separator, at):
                return None
        else:
            end = line.find(separator, at)
            if end < 0:
                fields.append(line[at:])
                return fields
            fields.append(line[at:end])
            at = end
        at += len(separator)


_QUOTED: Final = re.compile(r'"((?:[^"\\]|""|\\.)*)" *', re.DOTALL)
_ESCAPED: Final = re.compile(r'"(")|\\(?=["\\])')


def _sample_lines(raw: bytes, encoding: str, file: DataFile) -> list[str]:
    """The first lines that are not blank; the last one, which may be cut, is left out of a full sample."""
    try:
        text = codecs.getincrementaldecoder(encoding)("replace").decode(raw)
    except (UnicodeError, LookupError) as error:
        raise DataError(f"{file.name} is no {encoding}: {error}") from None
    if raw.startswith(_PACKED):
        raise DataError(f"{file.name} is packed within a packed file, or as .zst, .7z or .rar; unpack it")
    if raw[257:262] == b"ustar":
        raise DataError(f"{file.name} is a tar archive; unpack it, and give --data the folder")
    if "\0" in text:
        raise DataError(f"{file.name} is no text; a table with one rating a line is needed, such as CSV or Parquet")
    lines = re.split(r"\r\n|\n|\r", text)
    if len(raw) >= SAMPLE_BYTES and len(lines) > 1:
        lines.pop()
    return _joined([line for line in lines if line.strip()][: 2 * _SAMPLE_LINES])[:_SAMPLE_LINES]


def _joined(lines: Sequence[str]) -> list[str]:
    """Lines whose quotes are left open joined with the next ones that close them, as titles over several lines do."""
    found: list[str] = []
    at = 0
    while at < len(lines):
        end = at + 1
        if lines[at].count('"') % 2:
            quotes = lines[at].count('"')
            while end < min(len(lines), at + MAX_JOINED) and quotes % 2:
                quotes += lines[end].count('"')
                end += 1
            if quotes % 2:
                end = at + 1
        found.append("\n".join(lines[at:end]))
        at = end
    return found


def _detect_separator(lines: Sequence[str]) -> str | None:
    """The separator that gives most lines the same number of fields, above one."""
    best, share_of_best = None, 0.0
    for separator in _SEPARATORS:
        counts = Counter(len(split(line, separator, quoted=True) or ()) for line in lines)
        fields, times = max(
            ((n, times) for n, times in counts.items() if n > 1), key=lambda one: one[1], default=(0, 0)
        )
        share = times / len(lines)
        if fields and share > share_of_best + 1e-9 and share_of_best < _CONSISTENT:
            best, share_of_best = separator, share
    return best


def _is_quoted(lines: Sequence[str], separator: str) -> bool:
    """Whether fields stand in quotes: one starts and ends with them."""
    if separator == " ":
        return False
    mark = re.escape(separator)
    return any(
        re.search(rf'(^|{mark}) *"(?:[^"\\]|""|\\.)*" *({mark}|$)', line, re.DOTALL) for line in lines if '"' in line
    )


def _has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first line has names: known ones, or no number where the next lines have one."""
    first = rows[0]
    if any(NUMBER.fullmatch(field) for field in first if field):
        return False
    if sum(normalised(field) in _KNOWN for field in first) >= min(2, len(first)):
        return True
    return (
        any(all(NUMBER.fullmatch(row[place]) for row in rows[1:] if place < len(row)) for place in range(len(first)))
        and len(rows) > 1
    )


def _decimal(rows: Sequence[Sequence[str]], separator: str) -> str:
    fields: Iterator[str] = (field for row in rows for field in row)
    return "," if separator != "," and any(_DECIMAL_COMMA.fullmatch(field) for field in fields) else "."
