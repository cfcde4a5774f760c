"""Lay the documentation out for the site: one folder, whose links stay within it.

The README becomes the first page, and two of its chapters the tutorial: tests type these. It needs nothing but Python.
"""

import os
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "RELEASE.md", "SECURITY.md")
FILES = ("LICENSE", "roundsman.example.yaml", "Makefile", "helm", "pyproject.toml")
"""What pages link to, and is no page."""
TAUGHT = ("Try it without CircleCI", "Connect your own CircleCI")
TUTORIAL = """# From zero to the first useful message

At the end of this page a build that failed has told a channel of yours what broke, and you can say why. It takes a
quarter of an hour, a clone of the repository, Python 3.11 and make; `make install` in the clone comes first.

"""
LINK = re.compile(r"""(?P<begin>\]\(|(?:src|srcset|href)=")(?P<target>[^)"\s#]*)(?P<rest>#[^)"\s]*)?(?P<end>[)"])""")


def stage(folder: Path) -> None:
    """Write all pages and the files they lead to into a folder."""
    shutil.copytree(ROOT / "docs", folder)
    for name in FILES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            shutil.copy(source, folder / (name if source.suffix else f"{name}.txt"))
    for source in [*(ROOT / name for name in PAGES), *sorted((ROOT / "docs").rglob("*.md"))]:
        place = folder / place_of(source.relative_to(ROOT))
        place.write_text(with_own_links(source.read_text(encoding="utf-8"), source, folder), encoding="utf-8")
    split(folder)
    (folder.parent / "mkdocs.yml").write_text(configuration(), encoding="utf-8")


def configuration() -> str:
    """Return the configuration of the site, with each decision at the end of its navigation."""
    found = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
    titles = [page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ") for page in found]
    lines = [f'      - "{title}": decisions/{page.name}\n' for title, page in zip(titles, found, strict=True)]
    return (ROOT / ".ci" / "mkdocs.yml").read_text(encoding="utf-8") + "".join(lines)


def place_of(path: Path) -> Path:
    """Return where a file of the repository is in the site."""
    if path == Path("README.md"):
        return Path("index.md")
    if path.parts[0] == "docs":
        return path.relative_to("docs")
    return path if path.suffix or (ROOT / path).is_dir() else path.with_name(f"{path.name}.txt")


def with_own_links(text: str, source: Path, folder: Path) -> str:
    """Return a page whose links lead to the places of the site."""
    here = (folder / place_of(source.relative_to(ROOT))).parent

    def lead(link: re.Match[str]) -> str:
        target = link["target"]
        if not target or ":" in target:
            return link[0]
        path = (source.parent / target).resolve().relative_to(ROOT)
        found = os.path.relpath(folder / place_of(path), here)
        return f"{link['begin']}{found}{link['rest'] or ''}{link['end']}"

    return LINK.sub(lead, text)


def split(folder: Path) -> None:
    """Move the chapters that teach from the first page to the tutorial."""
    first = folder / "index.md"
    text = first.read_text(encoding="utf-8")
    chapters = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    taught = [one for one in chapters if one.removeprefix("## ").partition("\n")[0] in TAUGHT]
    if len(taught) != len(TAUGHT):
        sys.exit(f"README.md lacks one of the chapters {', '.join(TAUGHT)}")
    kept = "".join(one for one in chapters if one not in taught)
    begin = "\n## Begin\n\nThe [tutorial](tutorial.md) leads from nothing to the first useful message.\n\n"
    first.write_text(kept.replace("\n## What you get", f"{begin}## What you get", 1), encoding="utf-8")
    (folder / "tutorial.md").write_text(TUTORIAL + "".join(taught), encoding="utf-8")
    for page in sorted(folder.rglob("*.md")):
        lead_to_tutorial(page, folder)


def lead_to_tutorial(page: Path, folder: Path) -> None:
    """Change the links of a page to the chapters that were moved."""
    text = page.read_text(encoding="utf-8")
    place = os.path.relpath(folder / "tutorial.md", page.parent)
    for name in TAUGHT:
        anchor = "#" + name.lower().replace(" ", "-")
        text = re.sub(rf"\]\((?:[^)#\s]*index\.md)?{anchor}\)", f"]({place}{anchor})", text)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    stage(Path(sys.argv[1]))
