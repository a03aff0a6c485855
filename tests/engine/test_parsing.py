"""Parsing in a child process: every format, every refusal, and no file that takes the bot down."""

import asyncio
import sys
from contextlib import aclosing
from functools import partial
from pathlib import Path

import pytest

from engine.config import DocumentConfig
from engine.documents import Piece
from engine.errors import DocumentRefused
from engine.parsing.child import parse
from engine.parsing.formats import Reading
from engine.parsing.worker import answers
from tests.engine.files import bookmarked_pdf, docx, encrypted_pdf, pdf


async def in_the_child(name, data, config):
    async with aclosing(parse(name, data, config)) as found:
        async for item in found:
            yield item


async def in_this_process(name, data, config):
    """The same without a child, so that the coverage of tests is seen."""
    progress = []
    reading = Reading(
        suffix=Path(name).suffix,
        data=data,
        max_pages=config.max_pages,
        progress=lambda *pages: progress.append(pages),
    )
    for answer in answers(reading, 1000):
        for pages in progress:
            yield pages
        progress.clear()
        if "refused" in answer:
            raise DocumentRefused(answer["refused"].replace("{name}", name))
        if "piece" in answer:
            yield Piece(place=answer["piece"][0], text=answer["piece"][1])


async def read_file(name, data, way=in_the_child, **limits):
    """Pieces by place, and the progress that was reported."""
    data = data.encode() if isinstance(data, str) else data
    found, progress = {}, []
    async for item in way(name, data, DocumentConfig(**limits)):
        if isinstance(item, Piece):
            found[item.place] = item.text
        else:
            progress.append(item)
    return found, progress


async def refusal_of(name, data, way=in_the_child, **limits):
    with pytest.raises(DocumentRefused) as refused:
        await read_file(name, data, way, **limits)
    return refused.value.sentence


@pytest.fixture(params=[in_the_child, in_this_process], ids=["child", "here"])
def way(request):
    return request.param


@pytest.fixture
def read(way):
    return partial(read_file, way=way)


@pytest.fixture
def refusal(way):
    return partial(refusal_of, way=way)


class TestFormats:
    async def test_text_is_cited_by_lines(self, read):
        found, _ = await read("notes.txt", "one\ntwo\nthree\n")
        assert found == {"lines 1-3": "one\ntwo\nthree"}

    async def test_code_is_text(self, read):
        found, _ = await read("turn.py", "def run():\n    return 1\n")
        assert found == {"lines 1-2": "def run():\n    return 1"}

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
    async def test_text_comes_in_any_usual_encoding(self, read, encoding):
        found, _ = await read("notes.txt", "Grüße aus Köln".encode(encoding))
        assert found == {"lines 1-1": "Grüße aus Köln"}

    async def test_markdown_is_cited_by_headings(self, read):
        text = "Before\n\n# Guide\nHello\n\n```\n# no heading\n```\n\nInstall\n-------\nRun it\n"
        found, _ = await read("guide.md", text)
        assert list(found) == ["", "Guide", "Guide > Install"]
        assert "# no heading" in found["Guide"]
        assert found["Guide > Install"] == "Run it"

    async def test_html_is_read_without_scripts_and_navigation(self, read):
        page = (
            "<html><head><title>Manual</title><script>alert('x')</script></head><body>"
            "<nav>Home | Next</nav><div role='navigation'><div>Up</div>Down</div>"
            "<h1>Kettle<a href='#k'>¶</a></h1><p>Boil <b>fresh</b> water.</p>"
            "<table><tr><td><p>Cups</p></td><td>4</td></tr></table>"
            "<h2>Care</h2><p>Dry &amp; cool.</p>"
        )
        found, _ = await read("manual.html", page)
        assert found == {
            "Kettle": "Boil fresh water.\n\nCups | 4",
            "Kettle > Care": "Dry & cool.",
        }

    async def test_code_in_html_keeps_its_shape_and_a_page_without_headings_its_title(self, read):
        page = "<title>Loops</title><body>So:<pre>for x in y:\n    print(x)\n</pre>"
        found, _ = await read("loops.html", page)
        assert found == {"Loops": "So:\nfor x in y:\n    print(x)"}

    async def test_a_heading_that_never_ends_or_is_a_text_is_read_as_one(self, read):
        long = "word " * 50
        found, _ = await read("a.html", f"<h1>A</h1>a<h2>{long}</h2><h2>and no end")
        assert found["A"] == "a"
        assert long.strip() in "".join(found.values())
        assert "and no end" in "".join(found.values())

    async def test_every_part_of_a_table_has_the_column_names(self, read):
        rows = "".join(f"{number},Ada {number}\n" for number in range(500))
        found, _ = await read("people.csv", f"id,name\n{rows}")
        assert len(found) > 1
        assert all(text.startswith("id,name\n") for text in found.values())
        assert next(iter(found)).startswith("lines 2-")

    async def test_column_names_that_outgrow_a_passage_are_not_repeated(self, read):
        head = "x" * 20_000
        found, _ = await read("wide.csv", head + "\n1,2,3" * 5_000)
        assert sum(map(len, found.values())) < 2 * len(head) + 5_000 * 6

    async def test_a_paragraph_that_a_rule_below_it_makes_a_heading_is_read_as_text(self, read):
        found, _ = await read("a.md", "The zebra eats. " * 50 + "\n---\nIt sleeps.")
        assert "".join(found.values()).count("zebra") == 50
        assert "It sleeps." in "".join(found.values())

    async def test_a_word_document_is_cited_by_headings(self, read):
        paragraphs = [("Heading1", "Leave"), ("Normal", "25 days."), ("Heading2", "Sick")]
        found, _ = await read("book.docx", docx(*paragraphs, ("Normal", "Call in.")))
        assert found == {"Leave": "25 days.", "Leave > Sick": "Call in."}

    async def test_a_pdf_is_cited_by_pages_and_reports_progress(self, read):
        found, progress = await read("book.pdf", pdf(*(f"Text {page}" for page in range(1, 13))))
        assert found["page 12"] == "Text 12"
        assert progress == [(10, 12), (12, 12)]

    async def test_a_pdf_is_known_whatever_its_name(self, read):
        assert (await read("download", pdf("Hello")))[0] == {"page 1": "Hello"}

    async def test_the_bookmarks_of_a_pdf_are_its_headings(self, read):
        found, _ = await read("book.pdf", bookmarked_pdf())
        assert found == {
            "page 1": "Cover",
            "page 2, Kettle": "Boil",
            "page 3, Kettle > Care": "Dry",
            "page 4, Kettle > Care": "Cool",
        }


class TestRefusals:
    async def test_other_kinds_are_named(self, refusal):
        sentence = await refusal("photo.raw", b"\x00\x01\x02")
        assert sentence.startswith("photo.raw is of a kind I cannot read; I read text, ")

    async def test_an_encrypted_pdf_is(self, refusal):
        sentence = await refusal("secret.pdf", encrypted_pdf())
        assert (
            sentence
            == "secret.pdf is encrypted, so I could not read it; send it without a password."
        )

    async def test_an_encrypted_word_document_is(self, refusal):
        sentence = await refusal("secret.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500))
        assert "encrypted with a password" in sentence

    async def test_what_only_calls_itself_a_word_document_is(self, refusal):
        assert await refusal("fake.docx", b"Hello") == (
            "fake.docx is not a Word document, though its name says so."
        )

    async def test_scanned_pages_are(self, refusal):
        assert "pictures of pages and no text" in await refusal("scan.pdf", pdf("", "", ""))

    async def test_too_many_pages_are_with_the_limit(self, refusal):
        sentence = await refusal("long.pdf", pdf("a", "b", "c"), max_pages=2)
        assert sentence == "long.pdf has 3 pages; I read at most 2."

    @pytest.mark.parametrize("name", ["broken.pdf", "broken.docx"])
    async def test_damaged_files_are(self, refusal, name):
        whole = pdf("Hello") if name.endswith("pdf") else docx(("Normal", "Hello"))
        data = whole[:60] + bytes(100)
        sentence = await refusal(name, data)
        assert sentence.startswith(f"{name} is damaged or not what its name says")

    async def test_a_bomb_is_with_the_limit(self, refusal):
        sentence = await refusal("bomb.docx", docx(("Normal", "x"), padding=201_000_000))
        assert sentence == "bomb.docx unpacks to more than 200 MB, the limit, so I did not read it."

    async def test_what_takes_too_long_is_with_the_limit(self):
        nested = "<div>" * 10 + "x" * 30_000_000
        sentence = await refusal_of("slow.html", nested, timeout_seconds=0.05)
        assert sentence == "slow.html takes longer than 0.05 s to read, the limit."

    async def test_more_text_than_the_limit_is(self, refusal):
        sentence = await refusal("long.txt", "word " * 4_100_000)
        assert sentence == "long.txt holds more than 20 million characters, the limit."

    async def test_more_memory_than_the_limit_is(self, monkeypatch):
        monkeypatch.setattr("engine.parsing.child._MOST_MEMORY_MB", 200)
        sentence = await refusal_of("big.md", "# x\n" * 2_000_000)
        assert sentence == "big.md needs more than 200 MB to read, the limit."

    async def test_a_file_of_headings_without_end_is(self, refusal):
        sentence = await refusal("tiny.html", "<h1>a</h1>b" * 50_001)
        assert sentence == "tiny.html falls into more than 50000 parts, the limit."

    async def test_one_endless_heading_above_many_is_no_trouble(self, read):
        found, _ = await read("long.html", f"<h1>{'x' * 100_000}</h1>" + "<h2>a</h2>b" * 5_000)
        assert "b" in found.values()

    async def test_deep_nesting_is_no_trouble(self, read):
        found, _ = await read("deep.html", "<div>" * 200_000 + "bottom")
        assert found == {"": "bottom"}


class TestTheChild:
    async def test_is_gone_when_nobody_wants_the_rest(self):
        async with aclosing(parse("long.txt", b"word " * 2_000_000, DocumentConfig())) as answers:
            async for _ in answers:
                break
        assert asyncio.all_tasks() == {asyncio.current_task()}

    @pytest.mark.parametrize(
        ("ending", "sentence"),
        [
            ("os._exit(1)", "a.txt needs more than 1000 MB to read, the limit."),
            ("os.kill(os.getpid(), 11)", "a.txt is damaged, so I could not read it."),
            (
                "os.kill(os.getpid(), signal.SIGXCPU)",
                "a.txt takes longer than 60 s to read, the limit.",
            ),
            ("print('no line of ours')", "a.txt is damaged, so I could not read it."),
            ("print('x' * 2_000_000)", "a.txt is damaged, so I could not read it."),
        ],
    )
    async def test_may_die_without_a_word_or_talk_nonsense(self, monkeypatch, ending, sentence):
        start = asyncio.create_subprocess_exec

        async def dying(*_, **how):
            return await start(sys.executable, "-c", f"import os, signal; {ending}", **how)

        monkeypatch.setattr(asyncio, "create_subprocess_exec", dying)
        assert await refusal_of("a.txt", "x") == sentence

    async def test_sees_no_name_of_a_file(self, monkeypatch):
        seen = []
        start = asyncio.create_subprocess_exec

        async def noted(*arguments, **how):
            seen.append((arguments, how["env"]))
            return await start(*arguments, **how)

        monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
        await read_file("divorce papers.txt", "x")
        assert "divorce" not in str(seen)
        assert "sk-secret" not in str(seen)
