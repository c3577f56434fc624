"""Check the prose of the repository: `make prose`.

It searches pages, comments, docstrings, descriptions and messages for the words and the spelling in
`prose.toml`, and for headings and sentences that are too long. It also checks the length of the subjects of
new commits.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LISTS = Path(__file__).with_suffix(".toml")

# A message has at least this many words; shorter strings are names and values.
MESSAGE_WORDS = 4
# SQL and other code in a string.
CODE = re.compile(
    r"\bselect\b.*\bfrom\b|\b(?:create|drop|alter) (?:table|role|schema|index|view)|insert into"
    r"|\bgrant\b.* (?:on|to) |[{}<>=|\\]{2}"
    r"|^ *(?:from|where|order by|group by|join|left join|with|and|or) .*[=(\"]",
    re.IGNORECASE,
)
ATTRIBUTE = re.compile(
    r'^ *(?:description|error_message) *= *(?:"(?P<one>(?:[^"\\]|\\.)*)"'
    r"|<<-?(?P<end>\w+)\n(?P<many>.*?)^ *(?P=end)$)",
    re.DOTALL | re.MULTILINE,
)
COMMENT = re.compile(r"(?P<code>(?:.*\s)?)#(?: |$)(?P<words>.*)")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of prose. `kind` is `text`, `heading` or `name`."""

    line: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Rules:
    """The lists of prose.toml. `replace` and `spelling` hold a pattern and its replacement."""

    replace: tuple[tuple[re.Pattern[str], str], ...]
    spelling: tuple[tuple[re.Pattern[str], str], ...]
    sentence_words: int
    heading_words: int
    subject_characters: int
    after_commit: str
    skip: tuple[str, ...]
    unwritten: tuple[str, ...]


def rules(file: Path = LISTS) -> Rules:
    """Return the rules in a file."""
    given = tomllib.loads(file.read_text(encoding="utf-8"))
    return Rules(
        replace=tuple((_pattern(rule["pattern"]), rule["use"]) for rule in given["replace"]),
        spelling=tuple((_pattern(rf"{british}\w*"), use) for british, use in given["spelling"].items()),
        skip=tuple(given["files"]["skip"]),
        unwritten=tuple(given["files"]["unwritten"]),
        **given["limits"],
    )


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-])(?:{text})(?![\w-])", re.IGNORECASE)


################################################################################
# Passages of a file
################################################################################


def markdown(text: str) -> Iterator[Passage]:
    """Yield headings, paragraphs, list items and cells of a page, without code and addresses."""
    text = re.sub(r"<!--.*?-->|{#.*?#}|{%-?.*?%}", _blank, text, flags=re.DOTALL)
    text = re.sub(r"{{.*?}}", "x", text)
    text = re.sub(r"^( *)(```|~~~).*?^\1\2$", _blank, text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(
        r"(`+)(?!`)(.*?)(?<!`)\1(?!`)", lambda code: "X" + "\n" * code[0].count("\n"), text, flags=re.DOTALL
    )
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"<br */?>", ". ", text)
    text = re.sub(r"</?\w[^>]*>|https?://\S+", "", text)
    paragraph: list[str] = []
    start = 0
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        stripped = line.strip()
        begins = re.match(r"[-*] |\d+\. |\|", stripped)
        heading = re.match(r"#+ +(.*)", stripped)
        if paragraph and (not stripped or begins or heading):
            yield Passage(start, "text", " ".join(paragraph))
            paragraph = []
        if heading:
            yield Passage(number, "heading", heading[1])
        elif stripped.startswith("|"):
            for cell in stripped.strip("|").split("|"):
                if re.search(r"\w", cell):
                    yield Passage(number, "text", cell.strip())
        elif stripped and not re.fullmatch(r"[=\-\s]+", stripped):
            if not paragraph:
                start = number
            paragraph.append(re.sub(r"^(?:[-*]|\d+\.) +", "", stripped))


def _blank(found: re.Match[str]) -> str:
    return "\n" * found[0].count("\n")


def python(text: str, *, messages: bool = True) -> Iterator[Passage]:
    """Yield comments, docstrings, messages and names of tests of a Python file."""
    tree = ast.parse(text)
    comments = (
        (token.start[0], token.string.lstrip("#: "), not token.line[: token.start[1]].strip())
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT and not re.match(r"#+ *(noqa|type:|fmt:|mypy:|#)", token.string)
    )
    yield from _blocks(comments)
    documented: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if not isinstance(node, ast.Module) and node.name.startswith("test_"):
                yield Passage(node.lineno, "name", node.name.replace("_", " "))
            if ast.get_docstring(node) is not None:
                expression = node.body[0]
                assert isinstance(expression, ast.Expr)
                documented.add(id(expression.value))
                prose = re.sub(
                    r"^ *>>>.*?(?=^\s*$|\Z)", _blank, ast.get_docstring(node) or "", flags=re.M | re.S
                )
                for passage in markdown(re.sub(r"^(=+ +)+=+$", "", prose, flags=re.MULTILINE)):
                    yield Passage(passage.line + expression.lineno - 1, passage.kind, passage.text)
    if messages:
        yield from _messages(tree, documented)


def _messages(tree: ast.AST, documented: set[int]) -> Iterator[Passage]:
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            words = "".join(str(p.value) if isinstance(p, ast.Constant) else "X" for p in node.values)
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in documented | parts
        ):
            words = node.value
        else:
            continue
        if len(words.split()) >= MESSAGE_WORDS and "\n" not in words.strip() and not CODE.search(words):
            yield from (Passage(node.lineno, p.kind, p.text) for p in markdown(words) if p.kind == "text")


def hcl(text: str) -> Iterator[Passage]:
    """Yield comments, descriptions and error messages of a Terraform file."""
    yield from hashes(text)
    for found in ATTRIBUTE.finditer(text):
        words = found["one"] if found["one"] is not None else found["many"]
        line = text.count("\n", 0, found.start("one" if found["one"] is not None else "many"))
        words = re.sub(r"\$\{[^}]*\}", "X", words.replace('\\"', '"'))
        for passage in markdown(words):
            yield Passage(line + passage.line, passage.kind, passage.text)


def hashes(text: str) -> Iterator[Passage]:
    """Yield the comments of a file that marks them with `#`."""
    lines = enumerate(text.splitlines(), start=1)
    found = ((n, c) for n, line in lines if (c := COMMENT.match(line)))
    yield from _blocks((n, c["words"].strip(), not c["code"].strip()) for n, c in found)


def workflow(text: str) -> Iterator[Passage]:
    """Yield comments and descriptions of a workflow or an issue form."""
    yield from hashes(text)
    for found in re.finditer(r"^ *-? *(?:description|label|about): *(.*)$", text, re.MULTILINE):
        yield Passage(text.count("\n", 0, found.start(1)) + 1, "text", re.sub(r"`[^`]*`", "X", found[1]))


def jsonata(text: str) -> Iterator[Passage]:
    """Yield comments and messages of a JSONata program."""
    for found in re.finditer(r'/\*(.*?)\*/|"((?:[^"\\]|\\.)*)"', text, re.DOTALL):
        words = found[1] if found[1] is not None else found[2]
        if found[1] is not None or len(words.split()) >= MESSAGE_WORDS:
            yield Passage(text.count("\n", 0, found.start()) + 1, "text", " ".join(words.split()))


def _blocks(comments: Iterable[tuple[int, str, bool]]) -> Iterator[Passage]:
    """Join comments on lines that follow each other, except those after code."""
    numbered = list(comments)
    for _, group in groupby(enumerate(numbered), key=lambda one: (one[1][0] - one[0]) if one[1][2] else one):
        block = [(line, words) for _, (line, words, _) in group]
        for passage in markdown("\n".join(words for _, words in block)):
            yield Passage(block[0][0] + passage.line - 1, "text", passage.text)


READERS: dict[str, Callable[[str], Iterator[Passage]]] = {
    ".md": markdown,
    ".py": python,
    ".tf": hcl,
    ".hcl": hcl,
    ".jsonata": jsonata,
    ".yml": workflow,
    ".yaml": workflow,
    ".toml": hashes,
    ".sh": hashes,
    "Makefile": hashes,
}


def passages(path: str, text: str) -> Iterator[Passage]:
    """Yield the passages of a file; nothing for a kind of file without prose."""
    name = path.rpartition("/")[2]
    reader = READERS.get(name) or READERS.get(Path(name).suffix)
    if reader is python:
        if "{%" not in text:  # otherwise a template, and not yet Python
            yield from python(text, messages=not path.startswith("tests/"))  # strings in tests are data
    elif reader is not None:
        yield from reader(text)


################################################################################
# Findings
################################################################################


def findings(passage: Passage, given: Rules) -> Iterator[str]:
    """Yield the findings in a passage."""
    for pattern, use in given.replace:
        for found in dict.fromkeys(match[0].lower() for match in pattern.finditer(passage.text)):
            yield f'"{found}": write {use}'
    for pattern, use in given.spelling:
        for found in dict.fromkeys(match[0].lower() for match in pattern.finditer(passage.text)):
            yield f'"{found}": American spelling is {use}...'
    if passage.kind == "heading" and (count := len(passage.text.split())) > given.heading_words:
        yield f"heading of {count} words, more than {given.heading_words}: {passage.text}"
    if passage.kind == "text":
        for sentence in re.split(r"(?<=[.!?])[)\"']*\s+", passage.text):
            if (count := len(sentence.split())) > given.sentence_words:
                yield f"sentence of {count} words, more than {given.sentence_words}: {sentence[:60]}..."


def check(path: str, text: str, given: Rules) -> list[str]:
    """Return the findings in a file, one line each."""
    return [
        f"{path}:{passage.line}: {finding}"
        for passage in passages(path, text)
        for finding in findings(passage, given)
    ]


def listed(path: str, patterns: Iterable[str]) -> bool:
    """Return whether a path is one of these, or matches one of these patterns."""
    return any(path == pattern or fnmatch(path, pattern) for pattern in patterns)


def subjects(log: str, given: Rules) -> list[str]:
    """Return the subjects of a log that are too long. A line of it is a commit, a blank and its subject."""
    split = (line.partition(" ") for line in log.splitlines())
    return [
        f"commit {commit}: subject of {len(subject)} characters, more than {given.subject_characters}"
        for commit, _, subject in split
        if len(subject) > given.subject_characters
    ]


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""  # no history: an archive, or a shallow clone


def files() -> list[str]:
    """Return the paths of all files that git tracks or could add, without the skipped ones."""
    found = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return sorted(path for path in set(found) if path and (ROOT / path).is_file())


def main() -> None:
    """Print all findings. `--all` includes the files that are not yet rewritten; paths choose files."""
    given = rules()
    chosen = [word for word in sys.argv[1:] if word != "--all"]
    skipped = given.skip if chosen or "--all" in sys.argv else (*given.skip, *given.unwritten)
    found = []
    for path in files():
        if not listed(path, skipped) and (not chosen or any(path.startswith(one) for one in chosen)):
            try:
                found += check(path, (ROOT / path).read_text(encoding="utf-8"), given)
            except UnicodeDecodeError:
                continue  # a picture or an archive
    if not chosen:
        found += subjects(_git("log", "--format=%h %s", f"{given.after_commit}..HEAD"), given)
    for line in found:
        print(line)
    if found:
        sys.exit(f"✗ {len(found)} findings; docs/glossary.md has the words")


if __name__ == "__main__":
    main()
